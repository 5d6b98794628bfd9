#include "aws/session.h"

#include "aws/metadata.h"
#include "aws/sts.h"

namespace weir::aws {
namespace {

TransportSettings transport_settings(const ServiceSettings& settings) {
  TransportSettings out;
  out.ca_bundle = settings.ca_bundle;
  out.ca_bundle_origin = settings.ca_bundle_origin;
  return out;
}

}  // namespace

Session::Session(Options options, Environment environment, ServiceSettings settings,
                 const std::atomic<bool>* is_cancelled)
    : options_(std::move(options)),
      environment_(std::move(environment)),
      settings_(std::move(settings)),
      is_cancelled_(is_cancelled),
      transport_(transport_settings(settings_), is_cancelled),
      metadata_(metadata_transport_settings(environment_), is_cancelled),
      credentials_(credentials_of({environment_, options_, transport_, metadata_,
                                   Clock::of_host(is_cancelled), is_cancelled})) {
  if (settings_.attempts > 0) retries_.attempts = settings_.attempts;
  client_ = std::make_unique<Client>(transport_, credentials_.get(), Clock::of_host(is_cancelled),
                                     retries_);
}

Result<Credentials> Session::assume(const std::string& region, const std::string& role_arn) {
  auto endpoint = settings_.endpoint_in(region, "sts", "sts", options_, environment_);
  if (!endpoint) return cannot(endpoint.error());
  return assume_role(*client_, *endpoint, region, {role_arn, "weir-log-delivery", {}, {}});
}

Client& Session::client_of(const std::string& region, const std::string& role_arn) {
  if (role_arn.empty()) return *client_;
  InRole in_role;
  in_role.credentials = std::make_unique<RenewedCredentials>(
      [this, region, role_arn](base::UnixSeconds /*now*/) { return assume(region, role_arn); });
  in_role.client = std::make_unique<Client>(transport_, in_role.credentials.get(),
                                            Clock::of_host(is_cancelled_), retries_);
  roles_.push_back(std::move(in_role));
  return *roles_.back().client;
}

base::Expected<Logs*> Session::logs(const std::string& region, const std::string& role_arn) {
  auto endpoint = settings_.endpoint_in(region, "cloudwatch_logs", "logs", options_, environment_);
  if (!endpoint) return tl::unexpected(endpoint.error());
  const JsonServicePlace place{*endpoint, {region, "logs"}, Logs::kTarget};
  logs_.push_back(std::make_unique<Logs>(client_of(region, role_arn), place));
  return logs_.back().get();
}

base::Expected<Firehose*> Session::firehose(const std::string& region,
                                            const std::string& role_arn) {
  auto endpoint = settings_.endpoint_in(region, "firehose", "firehose", options_, environment_);
  if (!endpoint) return tl::unexpected(endpoint.error());
  const JsonServicePlace place{*endpoint, {region, "firehose"}, Firehose::kTarget};
  firehoses_.push_back(std::make_unique<Firehose>(client_of(region, role_arn), place));
  return firehoses_.back().get();
}

base::Expected<std::unique_ptr<Session>> Session::open(Options options, Environment environment,
                                                       const std::atomic<bool>* is_cancelled) {
  auto settings = ServiceSettings::find(options, environment);
  if (!settings) return tl::unexpected(settings.error());
  auto endpoint = settings->endpoint("s3", options, environment);
  if (!endpoint) return tl::unexpected(endpoint.error());
  S3Settings of_s3;
  of_s3.endpoint = std::move(*endpoint);
  if (!settings->region.empty()) of_s3.region = settings->region;
  const std::string addressing = settings->get("s3.addressing_style");
  if (addressing == "path") of_s3.addressing = Addressing::path;
  if (addressing == "virtual") of_s3.addressing = Addressing::virtual_host;
  std::unique_ptr<Session> session(
      new Session(std::move(options), std::move(environment), std::move(*settings), is_cancelled));
  session->s3_ = std::make_unique<S3>(*session->client_, std::move(of_s3));
  return session;
}

}  // namespace weir::aws
