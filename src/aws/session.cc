#include "aws/session.h"

#include "aws/metadata.h"

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
      transport_(transport_settings(settings_), is_cancelled),
      metadata_(metadata_transport_settings(environment_), is_cancelled),
      credentials_(credentials_of({environment_, settings_, options_, transport_, metadata_,
                                   Clock::of_host(is_cancelled)})) {
  Retries retries;
  if (settings_.attempts > 0) retries.attempts = settings_.attempts;
  client_ = std::make_unique<Client>(transport_, credentials_.get(), Clock::of_host(is_cancelled),
                                     retries);
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
