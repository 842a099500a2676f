#include "scale/cluster/run.hpp"

namespace iris::scale::cluster {
namespace {

PlanOptions plan_options(const ClusterOptions& options) {
  const bool own = options.namespace_name.empty();
  return {.run_id = options.run_id,
          .namespace_name = own ? "iris-scale-" + options.run_id : options.namespace_name,
          .own_namespace = own,
          .image = options.image,
          .load_image = options.load_image};
}

}  // namespace

Result<ClusterFacts> check_cluster(const Experiment& experiment, const ClusterOptions& options,
                                   Log& log) {
  const auto interrupt = Interrupt::open();
  if (!interrupt) return tl::unexpected(interrupt.error());
  const auto planned = plan_options(options);
  const auto plan = plan_cluster(experiment, planned);
  if (!plan) return tl::unexpected(plan.error());
  return preflight(kube::Kubectl(options.kubectl, &*interrupt), *plan, planned, log);
}

}  // namespace iris::scale::cluster
