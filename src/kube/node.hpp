// A field of a JSON value and where it stands, for readers that name the field in every error.
//
//   Problem problem("k8s/service.yaml");
//   const Node root(json, problem);
//   service.type = root["spec"]["type"].string_or("ClusterIP");
//   if (problem.found()) return problem.error();
//
// The first error wins; after it readers go on with defaults, so that they need no branches.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "kube/quantity.hpp"

namespace iris::kube {

class Problem {
 public:
  explicit Problem(std::string_view place) : place_(place) {}
  bool found() const { return !message_.empty(); }
  // "place: path: what", unless an error stands already.
  void report(const std::string& path, const std::string& what);
  tl::unexpected<Error> error() const { return tl::unexpected(Error{ExitCode::kInput, message_}); }

 private:
  std::string place_;
  std::string message_;
};

class Node {
 public:
  // `value` and `problem` must outlive the node and its children.
  Node(const nlohmann::json& value, Problem& problem) : Node(&value, "", problem) {}

  // A member of an object; missing members and members of missing objects are missing nodes.
  Node operator[](std::string_view key) const;
  // The elements of an array; none when it is missing.
  std::vector<Node> items() const;
  // The members of an object as nodes, by key; none when it is missing.
  std::vector<std::pair<std::string, Node>> members() const;

  // Neither left out nor null, which Kubernetes takes as left out.
  bool present() const { return value_ != nullptr; }
  void fail(const std::string& what) const { problem_->report(path_, what); }
  // Whether something was refused already, here or elsewhere in the object.
  bool refused() const { return problem_->found(); }

  // A field that must be there, and one with a default.
  std::string string() const;
  std::string string_or(std::string_view otherwise) const;
  std::int64_t integer(std::int64_t least, std::int64_t most) const;
  std::int64_t integer_or(std::int64_t otherwise, std::int64_t least, std::int64_t most) const;
  std::int32_t int32_or(std::int32_t otherwise, std::int32_t least = 0,
                        std::int32_t most = std::numeric_limits<std::int32_t>::max()) const;
  double number_or(double otherwise, double least, double most) const;
  Quantity quantity() const;  // not negative
  Quantity signed_quantity() const;
  WallTime time() const;  // RFC 3339
  std::vector<std::string> strings() const;
  std::map<std::string, std::string> string_map() const;
  std::map<std::string, Quantity> quantity_map() const;

  const nlohmann::json* value() const { return value_; }
  // "expected EXPECTED, found …" with the value shown.
  void expected(std::string_view what) const;

 private:
  Node(const nlohmann::json* value, std::string path, Problem& problem)
      : value_(value == nullptr || value->is_null() ? nullptr : value),
        path_(std::move(path)),
        problem_(&problem) {}

  const nlohmann::json* value_;
  std::string path_;
  Problem* problem_;
};

}  // namespace iris::kube
