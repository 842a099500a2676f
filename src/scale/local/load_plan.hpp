// From a Job to a load on this machine: wrk's arguments, its script and what lies beside it, and
// the probe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "load/probe.hpp"
#include "load/sent_request.hpp"
#include "load/wrk.hpp"
#include "scale/experiment.hpp"
#include "scale/local/load_files.hpp"

namespace iris::scale::local {

struct LoadPlan {
  load::WrkOptions wrk;
  load::ProbeOptions probe;
  std::vector<std::string> job_argv;  // as the Job has it
  std::optional<LoadFiles> files;     // what wrk.script names, and what it may open
  std::string script_source;  // "k8s/loadtest/wrk-configmap.yaml: post.lua"; empty without a script
};

// wrk as the Job has it, against 127.0.0.1:port instead of the Service; the experiment's duration
// wins over the Job's. Errors name the manifest and the field.
Result<LoadPlan> plan_load(const Experiment& experiment, const Scenario& scenario,
                           std::uint16_t port);

// What wrk sends by this plan. An error in its script is one here.
Result<load::SentRequest> sent_request(const LoadPlan& plan);

// Says what was sent and what it was answered with; an error unless that is 2xx.
Result<std::string> judge_answer(const LoadPlan& plan, const load::SentRequest& sent,
                                 const http::Answer& answer);

}  // namespace iris::scale::local
