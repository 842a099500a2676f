// A cgroup file system in memory that keeps the kernel's rules as far as iris meets them: files
// appear with their folder, a folder with processes or children cannot be removed, a version 2
// group with processes cannot give controllers to its children, and the children have only what was
// given.
#pragma once

#include <map>
#include <set>
#include <string>

#include "scale/local/cgroup_files.hpp"

namespace iris::scale::local {

class FakeCgroupFiles final : public CgroupFiles {
 public:
  explicit FakeCgroupFiles(int version) : version_(version) {}

  // Test set-up: a folder that is there, with these processes in it.
  void add(const std::string& folder, const std::string& processes = "") const {
    create(folder);
    files[folder + "/cgroup.procs"] = processes;
  }

  Result<std::string> read(const std::string& path) const override {
    const auto found = files.find(path);
    if (found == files.end()) return environment_error("{}: cannot open: No such file", path);
    return found->second;
  }

  Result<void> write(const std::string& path, const std::string& text) const override {
    const auto found = files.find(path);
    if (found == files.end() || read_only) {
      return environment_error("{}: cannot open for writing: Permission denied", path);
    }
    const auto slash = path.rfind('/');
    const auto folder = path.substr(0, slash);
    if (path.ends_with("/cgroup.procs")) return move_us(folder);
    if (path.ends_with("/cgroup.subtree_control")) return give(folder, text);
    found->second = text;
    return {};
  }

  Result<void> make_folder(const std::string& path) const override {
    if (read_only) return environment_error("{}: cannot make the group: Permission denied", path);
    if (folders.count(path) != 0) return environment_error("{}: File exists", path);
    create(path);
    return {};
  }

  Result<void> remove_folder(const std::string& path) const override {
    if (folders.count(path) == 0) return {};
    const bool busy = !files[path + "/cgroup.procs"].empty() || !list_folders(path).empty();
    if (busy) return environment_error("{}: Device or resource busy", path);
    folders.erase(path);
    std::erase_if(files, [&](const auto& file) { return file.first.starts_with(path + "/"); });
    return {};
  }

  std::vector<std::string> list_folders(const std::string& path) const override {
    std::vector<std::string> names;
    for (const auto& folder : folders) {
      if (!folder.starts_with(path + "/")) continue;
      const auto name = folder.substr(path.size() + 1);
      if (name.find('/') == std::string::npos) names.push_back(name);
    }
    return names;
  }

  bool read_only = false;
  mutable std::string ours;  // the folder that this process is in
  mutable std::map<std::string, std::string> files;
  mutable std::set<std::string> folders;

 private:
  void create(const std::string& folder) const {
    folders.insert(folder);
    files[folder + "/cgroup.procs"] = "";
    if (version_ == 1) {
      for (const char* name :
           {"cpu.shares", "cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.stat", "cpuacct.usage",
            "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control"}) {
        files[folder + "/" + name] = "";
      }
      return;
    }
    files[folder + "/cgroup.subtree_control"] = "";
    const auto parent = folder.substr(0, folder.rfind('/'));
    if (files[parent + "/cgroup.subtree_control"].find("cpu") != std::string::npos) {
      add_controllers(folder);
    }
  }

  void add_controllers(const std::string& folder) const {
    for (const char* name :
         {"cpu.weight", "cpu.max", "cpu.stat", "memory.max", "memory.current", "memory.events"}) {
      files[folder + "/" + name] = "";
    }
  }

  Result<void> give(const std::string& folder, const std::string& text) const {
    if (text.starts_with("-")) {
      files[folder + "/cgroup.subtree_control"] = "";
      return {};
    }
    if (!files[folder + "/cgroup.procs"].empty() && folder != root) {
      return environment_error("{}/cgroup.subtree_control: Device or resource busy", folder);
    }
    files[folder + "/cgroup.subtree_control"] = "cpu memory";
    for (const auto& name : list_folders(folder)) add_controllers(folder + "/" + name);
    return {};
  }

  Result<void> move_us(const std::string& folder) const {
    // "1" stands for this process, whose only companion would be another number.
    auto& from = files[ours + "/cgroup.procs"];
    std::string left;
    for (const char c : from) {
      if (c != '1') left += c;
    }
    from = left.find_first_not_of('\n') == std::string::npos ? "" : left;
    files[folder + "/cgroup.procs"] += "1\n";
    ours = folder;
    return {};
  }

 public:
  std::string root = "/sys/fs/cgroup";

 private:
  int version_;
};

}  // namespace iris::scale::local
