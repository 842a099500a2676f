#include "dataset/remote_check.hpp"

#include <utility>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "base/parallel.hpp"
#include "dataset/listing.hpp"
#include "remote/partial_file.hpp"

namespace iris::dataset {
namespace {

// Filled member by member, which gcc 12 does not warn of when it optimises.
struct Checked {
  ObjectId object{};
  std::string wanted_as{};
  bool downloaded = false;
  std::string fault{};  // empty: it is there and sound
  std::string text{};   // a listing's content
  std::optional<Error> error{};
};

class RemoteChecker {
 public:
  RemoteChecker(const DvcRepository& repository, const DvcOut& out, remote::Remote& remote,
                FirstOutage& outage, std::size_t jobs)
      : repository_(repository), out_(out), remote_(remote), outage_(outage), jobs_(jobs) {}

  RemoteCheck run() {
    std::vector<Checked> objects;
    objects.emplace_back();
    objects[0].object = out_.object();
    objects[0].wanted_as = out_.directory ? "the listing of " + out_.path : out_.path;
    check_all(objects);
    if (out_.directory && objects[0].fault.empty() && !objects[0].error) {
      const auto files = parse_listing(objects[0].text, remote_.place_of(out_.object().key()));
      if (!files) objects[0].fault = files.error().message;
      std::vector<Checked> listed;
      for (const ListedFile& file : files.value_or(std::vector<ListedFile>())) {
        Checked& checked = listed.emplace_back();
        checked.object.md5 = file.md5;
        checked.object.dvc2 = out_.dvc2;
        checked.wanted_as = file.path + " of " + out_.path;
      }
      check_all(listed);
      objects.insert(objects.end(), std::make_move_iterator(listed.begin()),
                     std::make_move_iterator(listed.end()));
    }
    RemoteCheck result{.objects = objects.size()};
    for (Checked& object : objects) {
      result.downloaded += object.downloaded ? 1 : 0;
      if (!object.fault.empty()) result.faults.push_back(std::move(object.fault));
      if (object.error && !result.error) result.error = std::move(object.error);
    }
    return result;
  }

 private:
  void check_all(std::vector<Checked>& objects) {
    for_each_parallel(objects.size(), jobs_, [&](std::size_t i) {
      objects[i].error = outage_.unless([&] { return check(objects[i]); });
    });
  }

  Result<void> check(Checked& checked) {
    const ObjectId& object = checked.object;
    const auto found = remote_.find(object.key());
    if (!found) return tl::unexpected(found.error());
    if (!*found) {
      checked.fault = fmt::format("{}: found no such object, expected {}, which {} names",
                                  remote_.place_of(object.key()), checked.wanted_as, out_.named_by);
      return {};
    }
    // DVC 2's digest is not always that of the content, and a listing's content is needed.
    if (!object.dvc2 && !object.listing && !(*found)->md5.empty()) {
      note_digest(checked, (*found)->md5);
      return {};
    }
    return download(checked);
  }

  Result<void> download(Checked& checked) {
    checked.downloaded = true;
    const ObjectId& object = checked.object;
    auto file = remote::PartialFile::open(partial_path(repository_, object) += ".check", {});
    if (!file) return tl::unexpected(file.error());
    const auto got = remote_.get(object.key(), **file);
    const std::string path = (*file)->path().string();
    const auto digest = object.dvc2 ? digest_of_file(path, true) : (*file)->md5();
    if (got && *got && object.listing) {
      checked.text = read_file(path, limits::kDirectoryBytes).value_or("");
    }
    (*file)->discard();
    if (!got) return tl::unexpected(got.error());
    if (!digest) return tl::unexpected(digest.error());
    note_digest(checked, *digest);
    return {};
  }

  void note_digest(Checked& checked, const std::string& digest) const {
    if (digest == checked.object.md5) return;
    checked.fault = fmt::format(
        "{}: found an object with digest {}, expected {}, which {} names "
        "for {}",
        remote_.place_of(checked.object.key()), digest, checked.object.md5, out_.named_by,
        checked.wanted_as);
  }

  const DvcRepository& repository_;
  const DvcOut& out_;
  remote::Remote& remote_;
  FirstOutage& outage_;
  std::size_t jobs_;
};

}  // namespace

std::vector<RemoteCheck> check_remote(const DvcRepository& repository,
                                      const std::vector<DvcOut>& outs,
                                      const TransferOptions& options) {
  Remotes remotes(repository, options.remote);
  FirstOutage outage;
  std::vector<RemoteCheck> results;
  for (const DvcOut& out : outs) {
    const auto remote = remotes.open(out.remote);
    if (remote) {
      results.push_back(RemoteChecker(repository, out, **remote, outage, options.jobs).run());
    } else {
      results.push_back({.error = remote.error()});
    }
  }
  std::error_code not_empty;
  std::filesystem::remove(repository.cache / "partial", not_empty);
  return results;
}

}  // namespace iris::dataset
