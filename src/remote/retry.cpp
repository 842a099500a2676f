#include "remote/retry.hpp"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "remote/encoding.hpp"

namespace iris::remote {
namespace {

constexpr Nanoseconds kLongestRetryAfter = std::chrono::minutes(2);

// What to do about a status that is final.
const char* mend_of(int status) {
  switch (status) {
    case 401:
      return "it asks who you are: check the credentials of the remote";
    case 403:
      return "it does not let you: check the rights of the credentials on the remote";
    case 404:
      return "check the remote's URL";
    case 405:
    case 501:
      return "it does not take this kind of request: it may be read-only";
    case 429:
      return "it asks for fewer requests: try again later or with fewer --jobs";
    default:
      return status >= 500 ? "it is in trouble: try again later" : "check the remote's settings";
  }
}

// Google's services explain in JSON; what others send is not for a message.
std::string explanation_of(const HttpResponse& response) {
  const auto json = nlohmann::json::parse(response.body, nullptr, false);
  if (!json.is_object() || !json.contains("error")) return {};
  const auto& error = json["error"];
  if (!error.is_object() || !error.contains("message") || !error["message"].is_string()) return {};
  return fmt::format(" ({})", as_one_line(error["message"].get_ref<const std::string&>()));
}

double random_share() {
  thread_local std::minstd_rand engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

}  // namespace

bool may_pass(const Answer& answer) {
  if (!answer) return answer.error().may_pass;
  const int status = answer->status;
  return status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

Retry::Retry(const RemoteOptions& options) : options_(options), left_(0), pause_(0) {
  progressed();
}

void Retry::progressed() {
  left_ = options_.retry.attempts - 1;
  pause_ = options_.retry.first_pause;
}

bool Retry::wait(const Answer& answer) {
  if (left_-- <= 0) return false;
  const double share = options_.random ? options_.random() : random_share();
  auto pause = Nanoseconds(
      static_cast<Nanoseconds::rep>(static_cast<double>(pause_.count()) * (0.5 + share / 2)));
  if (answer) {
    // A date, the header's other form, reads as 0.
    const auto asked = std::chrono::seconds(std::atoi(answer->header("retry-after").c_str()));
    pause = std::clamp<Nanoseconds>(asked, pause, std::max(pause, kLongestRetryAfter));
  }
  pause_ = std::min(pause_ * 2, options_.retry.longest_pause);
  if (options_.sleep) {
    options_.sleep(pause);
  } else {
    std::this_thread::sleep_for(pause);
  }
  return true;
}

Result<HttpResponse> send_patiently(const std::function<Answer()>& attempt,
                                    const RemoteOptions& options, const std::string& place) {
  Retry retry(options);
  while (true) {
    auto answer = attempt();
    if (answer && !may_pass(answer)) return std::move(*answer);
    if (!may_pass(answer) || !retry.wait(answer)) return tl::unexpected(error_of(answer, place));
  }
}

Error error_of(const Answer& answer, const std::string& place) {
  if (!answer) return answer.error().error;
  return {ExitCode::kEnvironment,
          fmt::format("{}: the server answered {}{}; {}", place, answer->status,
                      explanation_of(*answer), mend_of(answer->status))};
}

}  // namespace iris::remote
