// The command of a load Job, as its container would run it: which container it is, references to
// variables, a shell around it.
//
//   const auto command = read_load_command(job.pod, config_map, "k8s/job.yaml");
//   if (command.unreadable) …  // a cluster can still run it
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kube/objects.hpp"
#include "load/wrk.hpp"

namespace iris::scale {

struct LoadCommand {
  std::size_t container = 0;          // of the pod's containers: the first that runs wrk
  std::vector<std::string> job_argv;  // `command` and `args` as the manifest has them
  load::WrkOptions wrk;
  // Why it cannot be read; the error names the place. `wrk` is then what wrk does by default.
  std::optional<Error> unreadable;
  // Why it cannot be run without a cluster, although it was read: a sentence, or empty.
  std::string only_on_cluster;

  // Sources of envFrom whose variables a script may read and which only a cluster has; or empty.
  std::string elsewhere;
  load::WrkOptions as_read;  // with what is still to be resolved; for manifest_argv

  // The same load for so long, as a Job's `command` and `args`, in which `$(NAME)` means again what
  // it means to the kubelet.
  std::vector<std::string> manifest_argv(Nanoseconds duration) const;
};

// `known` is the ConfigMap whose values are at hand, for envFrom.
LoadCommand read_load_command(const kube::PodSpec& pod, const kube::ConfigMap& known,
                              const std::string& place);

}  // namespace iris::scale
