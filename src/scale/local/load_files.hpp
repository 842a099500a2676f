// The files that a load Job's container would see of the scripts' ConfigMap, without a container:
// each in a file without a name, so that nothing is left behind however this program ends, and a
// Lua script before wrk's own that leads every way to open a file to them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "kube/objects.hpp"

namespace iris::scale::local {

// Text by the path that the container sees.
using MountedFiles = std::map<std::string, std::string>;

// Of every mount of the ConfigMap in the container.
MountedFiles mounted_files(const kube::PodSpec& pod, const kube::Container& container,
                           const kube::ConfigMap& config_map);

class LoadFiles {
 public:
  // Messages of Lua name a script by the path that the container sees.
  static Result<LoadFiles> make(const MountedFiles& files, const std::string& script);

  // What to give to wrk as its script.
  const std::string& script() const { return script_; }

 private:
  std::vector<Fd> open_;
  std::string script_;
};

}  // namespace iris::scale::local
