#include "scale/local/load_files.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace iris::scale::local {
namespace {

// Runs before the script, in each of wrk's threads. `files` and `script` stand before it.
constexpr std::string_view kPrelude = R"(
local open, lines, input = io.open, io.lines, io.input
local function at_hand(path) return files[path] or path end
io.open = function(path, ...) return open(at_hand(path), ...) end
io.lines = function(path, ...)
  if path == nil then return lines() end
  return lines(at_hand(path), ...)
end
io.input = function(path)
  if path == nil then return input() end
  return input(at_hand(path))
end
loadfile = function(path)
  local file, why = open(at_hand(path))
  if not file then return nil, (why:gsub(at_hand(path), path, 1)) end
  local text = file:read("*a")
  file:close()
  return loadstring(text, "@" .. path)
end
dofile = function(path)
  local chunk, why = loadfile(path)
  if not chunk then error(why, 0) end
  return chunk()
end
table.insert(package.loaders, 2, function(name)
  for pattern in package.path:gmatch("[^;]+") do
    local path = pattern:gsub("%?", (name:gsub("%.", "/")))
    if files[path] then return assert(loadfile(path)) end
  end
end)
dofile(script)
)";

std::string lua_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) out += fmt::format("\\{:03}", static_cast<unsigned char>(c));
  return out + "\"";
}

Result<Fd> write_file_without_name(std::string_view text) {
  Fd file(::memfd_create("iris-wrk-script", MFD_CLOEXEC));
  std::size_t written = 0;
  while (file && written < text.size()) {
    const auto size = ::write(file.get(), text.data() + written, text.size() - written);
    if (size <= 0) break;
    written += static_cast<std::size_t>(size);
  }
  if (!file || written < text.size()) {
    return environment_error("cannot write wrk's script: {}", std::strerror(errno));
  }
  return file;
}

// wrk opens it by our /proc entry.
std::string path_of(const Fd& file) {
  return fmt::format("/proc/{}/fd/{}", ::getpid(), file.get());
}

}  // namespace

MountedFiles mounted_files(const kube::PodSpec& pod, const kube::Container& container,
                           const kube::ConfigMap& config_map) {
  MountedFiles files;
  for (const auto& mount : container.volume_mounts) {
    for (const auto& volume : pod.config_map_volumes) {
      if (volume.name != mount.name || volume.config_map != config_map.metadata.name) continue;
      for (const auto& [key, text] : config_map.data) {
        const auto item = volume.items.find(key);
        if (!volume.items.empty() && item == volume.items.end()) continue;
        const auto& path = volume.items.empty() ? key : item->second;
        std::string folder = mount.mount_path;
        while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
        if (mount.sub_path.empty()) files[folder + "/" + path] = text;
        if (mount.sub_path == path) files[folder] = text;
      }
    }
  }
  return files;
}

Result<LoadFiles> LoadFiles::make(const MountedFiles& files, const std::string& script) {
  LoadFiles made;
  std::string lua = "local files = {";
  for (const auto& [path, text] : files) {
    auto file = write_file_without_name(text);
    if (!file) return tl::unexpected(file.error());
    lua += fmt::format("[{}]={},", lua_quoted(path), lua_quoted(path_of(*file)));
    made.open_.push_back(std::move(*file));
  }
  lua += fmt::format("}}\nlocal script = {}\n{}", lua_quoted(script), kPrelude);
  auto file = write_file_without_name(lua);
  if (!file) return tl::unexpected(file.error());
  made.script_ = path_of(*file);
  made.open_.push_back(std::move(*file));
  return made;
}

}  // namespace iris::scale::local
