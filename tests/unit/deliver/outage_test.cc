// Days in which S3 cannot be delivered to, in a second: time passes where somebody waits for it.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <future>

#include "deliver/delivery.h"
#include "deliver/s3_destination.h"
#include "spool_folder.h"
#include "unit/aws/scripted.h"

namespace weir::deliver {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr hours kDay{24};

/// The true time, and the host's idea of what date it is. All of it passes in one thread, which
/// does meanwhile what is to happen then.
class SimulatedTime {
 public:
  using Time = DeliveryClock::Time;

  void at(milliseconds since_begin, std::function<void()> what) {
    events_.emplace(kBegin + since_begin, std::move(what));
  }
  void pass(milliseconds time) { now_ += time; }
  /// Of the host's clock.
  void set_ahead(hours ahead) { ahead_ = ahead; }

  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] base::UnixSeconds date() const {
    constexpr base::UnixSeconds kDate{std::chrono::seconds(1'795'614'187)};
    return kDate + std::chrono::floor<std::chrono::seconds>(now_ - kBegin);
  }
  [[nodiscard]] base::UnixSeconds date_of_host() const { return date() + ahead_; }

  DeliveryClock of_delivery() {
    return {[this] { return now_; },
            [this](std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
                   Time until) { wait(changed, lock, until); }};
  }
  aws::Clock of_client() {
    return {[this] { return date_of_host(); },
            [this](milliseconds time) {
              pass(time);
              return true;
            },
            [] { return 0.5; }};
  }

 private:
  void wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Time until) {
    if (!events_.empty() && events_.begin()->first <= until) {
      const auto event = events_.extract(events_.begin());
      now_ = std::max(now_, event.key());
      lock.unlock();
      event.mapped()();
      lock.lock();
    } else if (until == Time::max()) {
      changed.wait(lock);  // until it is ended
    } else {
      now_ = until;
    }
  }

  static constexpr Time kBegin{kDay};
  Time now_ = kBegin;
  hours ahead_{0};
  std::multimap<Time, std::function<void()>> events_;
};

/// S3 as far as objects are put there, which refuses signatures of another time.
class Bucket : public aws::Transport {
 public:
  explicit Bucket(const SimulatedTime& time) : time_(time) {}

  aws::Result<aws::Response> send(const aws::Request& request) override {
    if (!is_reachable) return aws::unreachable();
    if (!fault.body.empty()) return dated(fault);
    const std::string_view signed_at = aws::header_of(request.headers, "x-amz-date");
    constexpr minutes kSkew{15};
    if (signed_at < text_of(time_.date() - kSkew) || text_of(time_.date() + kSkew) < signed_at) {
      ++skewed;
      return dated({403, {}, "<Error><Code>RequestTimeTooSkewed</Code></Error>"});
    }
    std::string body(request.body_bytes(), '\0');
    EXPECT_TRUE(request.read_body(0, {reinterpret_cast<std::uint8_t*>(body.data()), body.size()}));
    put.emplace_back(request.method + " " + request.path, body);
    return dated({200, {}, ""});
  }

  bool is_reachable = true;
  aws::Response fault;  ///< with a body: the answer to all
  int skewed = 0;
  std::vector<std::pair<std::string, std::string>> put;  ///< "PUT /bucket/key", bytes

 private:
  static std::string text_of(base::UnixSeconds time) {
    return fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(time));
  }
  [[nodiscard]] aws::Response dated(aws::Response response) const {
    response.headers.push_back(
        {"Date", fmt::format("{:%a, %d %b %Y %H:%M:%S GMT}", fmt::gmtime(time_.date()))});
    return response;
  }

  const SimulatedTime& time_;
};

/// A bucket one object after the other, and when each attempt began and ended.
class Watched : public S3Destination {
 public:
  struct Attempt {
    SimulatedTime::Time begun;
    SimulatedTime::Time ended;
    std::optional<DeliverLogsError> error;
  };

  Watched(aws::S3& s3, const SimulatedTime& time, std::vector<Attempt>& attempts)
      : S3Destination(std::shared_ptr<aws::S3>(std::shared_ptr<aws::S3>(), &s3),
                      {"logs", "", "", ""}, std::nullopt, {}),
        time_(time),
        attempts_(attempts) {}

  Delivered deliver(const Segment& segment) override {
    const auto begun = time_.now();
    auto delivered = S3Destination::deliver(segment);
    attempts_.push_back({begun, time_.now(), {}});
    if (!delivered) attempts_.back().error = delivered.error().kind;
    return delivered;
  }
  [[nodiscard]] unsigned at_once() const override { return 1; }

 private:
  const SimulatedTime& time_;
  std::vector<Attempt>& attempts_;
};

class Outage : public SpoolFolder {
 protected:
  /// Each five minutes until then an object is sealed.
  void seal_until(Spool& spool, hours end) {
    for (minutes time{0}; time < end; time += minutes(5)) {
      time_.at(time, [&spool, this] {
        const int number = static_cast<int>(keys_.size());
        keys_.push_back(std::to_string(number));
        EXPECT_TRUE(seal(spool, keys_.back(), number));
      });
    }
  }

  SimulatedTime time_;
  Bucket bucket_{time_};
  aws::FixedCredentials credentials_{aws::some_credentials()};
  aws::Client client_{bucket_, &credentials_, time_.of_client(), aws::Retries{2}};
  aws::S3 s3_{client_, {aws::parse_endpoint("http://127.0.0.1:9000", "").value(), "us-east-1", {}}};
  std::vector<std::string> keys_;  ///< of what was sealed
  std::vector<Watched::Attempt> attempts_;
};

TEST_F(Outage, OfDaysInWhichTheClockJumpsEndsWithEachObjectThereOnce) {
  struct Day {
    bool is_reachable;
    aws::Response fault;
    std::string_view shown;
  };
  const std::vector<Day> days = {
      {false, {}, "Unknown error"},
      {true, {500, {}, "<Error><Code>InternalError</Code></Error>"}, "Unknown error"},
      {true, {403, {}, "<Error><Code>AccessDenied</Code></Error>"}, "Access error"},
      {true, {404, {}, "<Error><Code>NoSuchBucket</Code></Error>"}, "Access error"},
      {true, {503, {}, "<Error><Code>SlowDown</Code></Error>"}, "Rate limited"}};
  const hours outage = kDay * static_cast<int>(days.size());
  const hours end = outage + kDay;

  Spool spool = open();
  std::unique_ptr<Delivery> delivery;
  std::promise<void> is_there;
  std::promise<void> is_over;
  time_.at({}, [begins = is_there.get_future().share()] { begins.wait(); });
  for (std::size_t i = 0; i < days.size(); ++i) {
    time_.at(kDay * i, [&, i] {
      bucket_.is_reachable = days[i].is_reachable;
      bucket_.fault = days[i].fault;
    });
    time_.at(kDay * (i + 1) - minutes(1), [&, i] {
      const DeliveryStatus status = delivery->status();
      ASSERT_TRUE(status.error) << i;
      EXPECT_EQ(to_string(status.error->kind), days[i].shown) << i;
      EXPECT_EQ(spool.status().waiting, keys_.size()) << i;
    });
  }
  constexpr hours kForty = 40 * kDay;
  time_.at(kDay + kDay / 2, [&] { time_.set_ahead(kForty); });
  time_.at(3 * kDay + kDay / 2, [&] { time_.set_ahead(-kForty); });
  time_.at(outage - minutes(1), [&] { time_.set_ahead(kForty); });
  time_.at(outage, [&] { bucket_.fault = {}; });
  time_.at(outage + kDay / 2, [&] { time_.set_ahead(-kForty); });
  seal_until(spool, end);
  time_.at(end, [&] { is_over.set_value(); });

  const DeliveryPauses pauses{std::chrono::seconds(1), minutes(5)};
  std::vector<std::string> told;
  delivery = std::make_unique<Delivery>(
      spool, std::make_unique<Watched>(s3_, time_, attempts_), pauses,
      [&](const base::LogLine& line) { told.push_back(line.text); }, DeliveryStatus(),
      time_.of_delivery());
  is_there.set_value();
  ASSERT_EQ(is_over.get_future().wait_for(minutes(5)), std::future_status::ready);
  const DeliveryStatus status = delivery->end();

  const SpoolStatus left = spool.status();
  EXPECT_EQ(left.delivered, keys_.size());
  EXPECT_EQ(left.waiting, 0U);
  EXPECT_EQ(left.lost_records, 0U);
  ASSERT_THAT(bucket_.put, SizeIs(keys_.size()));
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    EXPECT_EQ(bucket_.put[i], std::pair("PUT /logs/" + keys_[i], payload_of(keys_[i])));
  }
  EXPECT_GT(bucket_.skewed, 0) << "signed by a clock that was off";
  EXPECT_FALSE(status.error);
  EXPECT_THAT(told, ElementsAre(HasSubstr("Connection refused"), HasSubstr("InternalError"),
                                HasSubstr("Access error: s3://logs/0: AccessDenied"),
                                HasSubstr("Access error: s3://logs/0: NoSuchBucket"),
                                HasSubstr("Rate limited"), "s3://logs: delivery works again"));

  for (std::size_t i = 0; i + 1 < attempts_.size() && attempts_[i].error; ++i) {
    const auto pause = attempts_[i + 1].begun - attempts_[i].ended;
    EXPECT_LE(pause, pauses.longest) << "there are attempts all the time";
    if (attempts_[i].error == DeliverLogsError::access_error) {
      EXPECT_EQ(pause, pauses.longest);
    }
  }
}

}  // namespace
}  // namespace weir::deliver
