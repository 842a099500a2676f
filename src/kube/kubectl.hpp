// kubectl as a subprocess: the one way to a cluster, on the user's current context.
//
//   const Kubectl kubectl("kubectl", &interrupt);
//   const auto answer = kubectl.run({.arguments = {"get", "pods", "-o", "json"}});
//   if (!answer.ok()) return answer.error();
//
// Versions 1.20 to 1.34. Every call has a deadline, its output is bounded (run_program's bound),
// and it never asks questions: its standard input is what it is given or nothing.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/interrupt.hpp"
#include "base/result.hpp"

namespace iris::kube {

struct KubectlCall {
  std::vector<std::string> arguments;  // without the program
  std::string input{};                 // its standard input
  Nanoseconds timeout = std::chrono::seconds(30);
};

struct KubectlAnswer {
  enum class Kind {
    kOk,
    kNotFound,      // the server knows no such object, or no such API
    kForbidden,     // the user may not
    kUnauthorized,  // the server does not know the user
    kUnreachable,   // no server, no answer within the deadline, or one that is not up
    kInterrupted,   // it was ended because the program was asked to end
    kMissing,       // there is no kubectl
    kRefused,       // anything else; the message says what
  };
  Kind kind = Kind::kOk;
  std::string output;
  std::string message;  // of a failure: kubectl's own words, on one line

  bool ok() const { return kind == Kind::kOk; }
  // As the environment's: "<what>: <message>".
  tl::unexpected<Error> error(const std::string& what) const;
};

// What kubectl printed to standard error, as a kind and one line: its log lines and warnings are
// left out.
KubectlAnswer::Kind classify(const std::string& errors);
std::string one_line(const std::string& errors);

class Kubectl {
 public:
  // With an interrupt (which must outlive this) calls end early once it is requested.
  explicit Kubectl(std::string program, const Interrupt* interrupt = nullptr)
      : program_(std::move(program)), interrupt_(interrupt) {}

  // The same, for tidying up: not to be interrupted.
  Kubectl uninterrupted() const { return Kubectl(program_); }

  KubectlAnswer run(const KubectlCall& call) const;
  // All at the same time; the answers are in the order of the calls.
  std::vector<KubectlAnswer> run_all(const std::vector<KubectlCall>& calls) const;

  // The JSON values that a call prints, one or several behind each other, in `values`.
  KubectlAnswer read(const KubectlCall& call, std::vector<nlohmann::json>& values) const;

 private:
  std::string program_;
  const Interrupt* interrupt_;
};

// The JSON values in a text, one behind the other. Fails when it is cut off or none.
Result<std::vector<nlohmann::json>> parse_values(const std::string& text);

}  // namespace iris::kube
