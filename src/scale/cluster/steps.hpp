// Waiting on a cluster: look, judge, wait, until the step is done, has failed, took too long or the
// program is asked to end.
#pragma once

#include <functional>
#include <string>

#include "scale/cluster/judge.hpp"
#include "scale/cluster/session.hpp"
#include "scale/cluster/watch.hpp"

namespace iris::scale::cluster {

// The last look, at which the step was done. The error's exit status is 3, or 130 when interrupted;
// its message begins with `step` and says what was waited for. `on_look` is called at each look;
// without it the cluster's new warnings go to the log.
Result<Snapshot> await(const Session& session, Watch& watch, const std::string& step,
                       const std::function<Progress(const Snapshot&)>& judge,
                       const std::function<void(const Snapshot&)>& on_look = {});

// The last lines that a container of the pod printed, as one; empty when there are none.
// `previous`: those of the process before.
std::string last_words(const Session& session, const std::string& pod, bool previous);

}  // namespace iris::scale::cluster
