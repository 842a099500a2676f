// Patience with a service: which answers may pass, and how long to wait before the next try.
//
//   Retry retry(options);
//   do { response = client.send(request); } while (may_pass(response) && retry.wait(response));
#pragma once

#include "remote/http_client.hpp"
#include "remote/remote.hpp"

namespace iris::remote {

using Answer = tl::expected<HttpResponse, HttpFailure>;

// No answer for a reason of the network, or 408, 429, 500, 502, 503, 504: what Google's storage
// documentation names ("Retry strategy"). Every other status is final.
bool may_pass(const Answer& answer);

class Retry {
 public:
  explicit Retry(const RemoteOptions& options);

  // Sleeps before the next try; false when there is none left. The pause doubles from try to try
  // and is drawn from its upper half, so that many clients do not come back at once; the service's
  // own Retry-After counts when it is longer.
  bool wait(const Answer& answer);
  // The last try brought something: the count begins anew.
  void progressed();

 private:
  const RemoteOptions& options_;
  int left_;
  Nanoseconds pause_;
};

// Tries until the answer is final or patience ends; `attempt` is one try. An Error when there is no
// answer, or none but those that may pass; its message begins with `place`.
Result<HttpResponse> send_patiently(const std::function<Answer()>& attempt,
                                    const RemoteOptions& options, const std::string& place);

// Why an answer is no success, for people: "place: the server answered 403 …; the fix".
Error error_of(const Answer& answer, const std::string& place);

}  // namespace iris::remote
