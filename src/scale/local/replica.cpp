#include "scale/local/replica.hpp"

#include <fmt/ranges.h>
#include <unistd.h>

#include <array>
#include <sstream>
#include <vector>

#include "scale/local/proc_stat.hpp"
#include "scale/local/reuseport_group.hpp"

namespace iris::scale::local {
namespace {

constexpr std::size_t kKeptErrorBytes = 4096;

}  // namespace

const char* to_string(ReplicaState state) {
  switch (state) {
    case ReplicaState::kStarting:
      return "starting";
    case ReplicaState::kReady:
      return "ready";
    case ReplicaState::kDraining:
      return "draining";
    case ReplicaState::kGone:
      break;
  }
  return "gone";
}

Result<std::shared_ptr<Replica>> Replica::start(const ReplicaPlan& plan, const std::string& name,
                                                const Place& place, boost::asio::io_context& io,
                                                const Clock& clock) {
  auto admin = listen_on_loopback();
  if (!admin) return tl::unexpected(admin.error());
  std::optional<Cgroup> group;
  if (place.groups != nullptr) {
    auto made = place.groups->add(name, plan.limits);
    if (!made) return tl::unexpected(made.error());
    group.emplace(std::move(*made));
  }
  auto process = Process::start({.argv = plan.argv,
                                 .environment = plan.environment,
                                 .listen_fds = {place.service_socket, admin->socket.get()},
                                 .join = group ? group->join_files() : std::vector<std::string>{},
                                 .output = Output::kDiscard,
                                 .errors = Output::kPipe,
                                 .own_process_group = true});
  if (!process) return tl::unexpected(process.error());

  std::shared_ptr<Replica> replica(new Replica(std::move(*process)));
  replica->name_ = name;
  replica->slot_ = place.slot;
  if (group) replica->group_.emplace(std::move(*group));
  replica->limited_ = place.groups != nullptr && plan.limits.cpu_limit_milli > 0;
  replica->clock_ = &clock;
  replica->admin_address_ = {boost::asio::ip::address_v4::loopback(), admin->port};
  replica->admin_.emplace(io, replica->admin_address_);
  replica->checker_.emplace(io, replica->admin_address_);
  const auto now = clock.steady();
  replica->started_at = replica->ready_changed_at = now;
  replica->next_check_at = replica->counts_at = replica->usage_at_ = now;
  return replica;
}

std::optional<ExitStatus> Replica::poll() {
  const auto status = process_.poll();
  std::array<char, 4096> buffer{};
  for (ssize_t size = 0; (size = ::read(process_.errors_fd(), buffer.data(), buffer.size())) > 0;) {
    errors_.append(buffer.data(), static_cast<std::size_t>(size));
    if (errors_.size() > kKeptErrorBytes) errors_.erase(0, errors_.size() - kKeptErrorBytes);
  }
  return status;
}

void Replica::retire() {
  state = ReplicaState::kGone;
  ready = false;
  counts.connections = 0;
  admin_.reset();
  checker_.reset();
  group_.reset();
}

std::optional<CgroupUsage> Replica::read_usage() {
  if (!alive()) return std::nullopt;
  const auto now = clock_->steady();
  if (group_) {
    const auto usage = group_->usage();
    if (!usage) return std::nullopt;
    usage_ = *usage;
  } else {
    const auto cpu = process_cpu_us(process_.pid());
    const auto memory = process_memory_bytes(process_.pid());
    if (!cpu || !memory) return std::nullopt;
    usage_.cpu_us = *cpu;
    usage_.memory_bytes = *memory;
  }
  usage_at_ = now;
  return usage_;
}

std::string Replica::last_words() const {
  constexpr std::size_t kLines = 6;  // the program's own messages may have several
  std::vector<std::string> lines;
  std::istringstream text(errors_);
  for (std::string line; std::getline(text, line);) {
    const auto first = line.find_first_not_of(' ');
    if (first != std::string::npos) lines.push_back(line.substr(first));
  }
  if (lines.size() > kLines) lines.erase(lines.begin(), lines.end() - kLines);
  return fmt::format("{}", fmt::join(lines, " "));
}

}  // namespace iris::scale::local
