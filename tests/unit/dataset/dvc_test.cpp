#include "dataset/dvc.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "dataset/config_text.hpp"
#include "dataset/ignore.hpp"
#include "dataset/listing.hpp"
#include "dataset/pull.hpp"
#include "dataset/template.hpp"

namespace iris::dataset {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMd5 = "013d0da08d6506664ce640459139176b";

std::string out_text(const std::string& rest, const std::string& md5 = kMd5) {
  return "outs:\n- md5: " + md5 + "\n  hash: md5\n" + rest;
}

std::string error_of(const std::string& text) {
  const auto outs = parse_dvc_file(text, "a/x.dvc");
  return outs ? "no error" : outs.error().message;
}

TEST(DvcFile, NamesItsOutputsFromTheRoot) {
  const auto outs =
      parse_dvc_file(out_text("  path: x.csv\n  size: 3\n  isexec: true\n"), "a/x.dvc");
  ASSERT_TRUE(outs) << outs.error().message;
  ASSERT_EQ(outs->size(), 1U);
  EXPECT_EQ(outs->front().path, "a/x.csv");
  EXPECT_EQ(outs->front().named_by, "a/x.dvc");
  EXPECT_EQ(outs->front().md5, kMd5);
  EXPECT_FALSE(outs->front().directory);
  EXPECT_TRUE(outs->front().executable);
}

TEST(DvcFile, DirectoriesWorkingFoldersAndRemotes) {
  const auto outs = parse_dvc_file(
      "wdir: ..\n" + out_text("  path: raw/\n  remote: far\n", std::string(kMd5) + ".dir"),
      "a/x.dvc");
  ASSERT_TRUE(outs) << outs.error().message;
  EXPECT_EQ(outs->front().path, "raw");
  EXPECT_EQ(outs->front().md5, kMd5);
  EXPECT_TRUE(outs->front().directory);
  EXPECT_EQ(outs->front().remote, "far");
}

TEST(DvcFile, WhatIsNotCachedOrNotPushedIsLeftOut) {
  for (const char* flag : {"cache: false", "push: false"}) {
    const auto outs = parse_dvc_file(out_text(std::string("  path: x\n  ") + flag + "\n"), "x.dvc");
    ASSERT_TRUE(outs);
    EXPECT_TRUE(outs->empty());
  }
}

TEST(DvcFile, ErrorsNameThePlace) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {out_text(""), "a/x.dvc:2:3: found an output without a path, expected path:"},
      {"outs:\n- path: x\n  hash: sha256\n  md5: " + std::string(kMd5) + "\n",
       "a/x.dvc:2:3: found hash \"sha256\", expected hash: md5"},
      {out_text("  path: x\n", "../../etc/passwd"),
       "a/x.dvc:2:8: found \"../../etc/passwd\", expected an md5 digest of 32 digits"},
      {out_text("  path: ../../x\n"),
       "a/x.dvc:4:9: found \"../../x\", expected a path within the repository"},
      {out_text("  path: /etc/passwd\n"),
       "a/x.dvc:4:9: found \"/etc/passwd\", expected a path within the repository"},
      {out_text("  path: ../.git/config\n"),
       "a/x.dvc:4:9: found \"../.git/config\", expected a path outside of the folders of git, DVC "
       "and Mercurial"},
      {out_text("  path: ..\n"),
       "a/x.dvc:4:9: found \"..\", expected a path within the repository"},
      {"outs: x\n", "a/x.dvc:1:7: found \"x\", expected a list"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(error_of(text), message) << text;
}

TEST(DvcLock, TakesFlagsFromThePipelineBesideIt) {
  const std::string lock =
      std::string("schema: '2.0'\nstages:\n  train@1:\n    cmd: x\n    outs:\n") +
      "    - {path: m, hash: md5, md5: " + kMd5 + "}\n    - {path: s, hash: md5, md5: " + kMd5 +
      "}\n";
  const std::string pipeline =
      "stages:\n  train:\n    foreach: [1]\n    do:\n      wdir: w\n      cmd: x\n      outs: [m]\n"
      "      metrics: [{s: {cache: false}}]\n";
  const auto outs = parse_dvc_lock(lock, pipeline, "p/dvc.lock");
  ASSERT_TRUE(outs) << outs.error().message;
  ASSERT_EQ(outs->size(), 1U);
  EXPECT_EQ(outs->front().path, "p/w/m");
  EXPECT_EQ(outs->front().named_by, "p/dvc.lock");
}

const DvcConfigFile kFile{"config", "/r/.dvc"};

TEST(DvcConfig, RemotesComeFromSectionsWithQuotes) {
  DvcRepository repository;
  ASSERT_TRUE(read_dvc_config(
      "[core]\n  remote = far  \n# note\n['remote \"far\"']\nurl = ../a b\n", kFile, repository));
  EXPECT_EQ(repository.default_remote, "far");
  EXPECT_EQ(repository.remotes.at("far").settings.url, "/r/a b");
  ASSERT_TRUE(read_dvc_config("['remote \"far\"']\n    url = /elsewhere\n    user = me\n", kFile,
                              repository));
  EXPECT_EQ(repository.remotes.at("far").settings.url, "/elsewhere");
  EXPECT_EQ(repository.remotes.at("far").settings.options.at("user"), "me");
  EXPECT_EQ(read_dvc_config("[core\n", kFile, repository).error().message,
            "config:1: found \"[core\", expected a section that ends with ]");
  EXPECT_EQ(read_dvc_config("[core]\nremote\n", kFile, repository).error().message,
            "config:2: found \"remote\", expected [section] or key = value");
}

TEST(DvcConfig, ReadsWhatConfigobjReads) {
  const auto value = [](const std::string& line) {
    const auto entries = parse_config_text("[s]\n" + line + "\n", "config");
    return entries ? entries->at(0).value : "error: " + entries.error().message;
  };
  EXPECT_EQ(value("k = /a b  # note"), "/a b");
  EXPECT_EQ(value("k = /a#b"), "/a");
  EXPECT_EQ(value("k = '/a # b' # note"), "/a # b");
  EXPECT_EQ(value("K = \"it's\""), "it's");
  EXPECT_EQ(value("k = a'b\"c"), "a'b\"c");
  EXPECT_EQ(value("k = \"a\"b\""), "a\"b");
  EXPECT_EQ(value("k = # note"), "");
  EXPECT_EQ(value("k = '''a\"b,'c'''"), "a\"b,'c");
  EXPECT_EQ(value("k = reflink, 'copy'"), "reflink,copy");
  EXPECT_EQ(value("'k' = v"), "v");
  EXPECT_NE(value("k = \"open").find("error: config:2"), std::string::npos);
  EXPECT_NE(value("k = %(other)s").find("error: config:2"), std::string::npos);
  EXPECT_NE(value("k = 1\nk = 2").find("error: config:3"), std::string::npos);
}

TEST(DvcConfig, NamesAreLowerCaseAndRemotesReferToEachOther) {
  DvcRepository repository;
  const std::string text =
      "[CORE]  # note\nRemote = Images\n[ 'remote \"Images\"' ]\nURL = remote://Base//sub\n"
      "[remote \"base\"]\nurl = ../store\n['remote \"loop\"']\nurl = remote://loop/x\n";
  const auto read = read_dvc_config(text, kFile, repository);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(repository.default_remote, "images");
  const auto message = [&](const char* name) {
    const auto remote = open_dvc_remote(repository, name, {});
    return remote ? "no error" : remote.error().message;
  };
  EXPECT_NE(message("").find("/r/store/sub"), std::string::npos) << message("");
  EXPECT_NE(message("loop").find("refer to itself"), std::string::npos) << message("loop");
}

TEST(DvcConfig, ARepositoryDoesNotChooseWhoSeesTheUsersPassword) {
  DvcRepository repository;
  const DvcConfigFile users{"users", "/home/u/.config/dvc", true};
  ASSERT_TRUE(read_dvc_config("['remote \"r\"']\nurl = https://mine.example\npassword = p\n", users,
                              repository));
  EXPECT_TRUE(open_dvc_remote(repository, "r", {}));
  ASSERT_TRUE(
      read_dvc_config("['remote \"r\"']\nurl = https://other.example\n", kFile, repository));
  const auto refused = open_dvc_remote(repository, "r", {});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("--allow-endpoint"), std::string::npos);
  EXPECT_TRUE(open_dvc_remote(repository, "r", {.token_hosts = {"other.example"}}));
}

TEST(DvcConfig, ARepositoryDoesNotSwitchOffTheCheckOfTheServer) {
  DvcRepository repository;
  const DvcConfigFile users{"users", "/home/u/.config/dvc", true};
  ASSERT_TRUE(read_dvc_config("['remote \"mine\"']\nurl = https://mine.example\npassword = p\n",
                              users, repository));
  ASSERT_TRUE(read_dvc_config("['remote \"r\"']\nurl = remote://mine/a\n", kFile, repository));
  EXPECT_TRUE(open_dvc_remote(repository, "r", {}));
  ASSERT_TRUE(read_dvc_config("['remote \"r\"']\nssl_verify = false\n", kFile, repository));
  EXPECT_FALSE(open_dvc_remote(repository, "r", {}));
}

TEST(Template, ResolvesWhatIsCertain) {
  TemplateValues values;
  values.merge(YAML::Load("{a: {b: [x, '02']}, n: 1e3, yes: True, half: 0.5, loop: &l [*l, *l]}"));
  values.merge(YAML::Load("{a: {c: later}, half: 7}"));
  const auto text = [&](const char* written) {
    return values.resolve(written).value_or("not known");
  };
  EXPECT_EQ(text("${a.b[0]}/${ a.b[1] }-${a.c}"), "x/02-later");
  EXPECT_EQ(text("${yes}${half}"), "true0.5");
  for (const char* written : {"${n}", "${a}", "${gone}", "${a.b[7]}", "\\${half}", "${", "${}"}) {
    EXPECT_EQ(text(written), "not known") << written;
  }
  // An alias may stand for more than there is memory for.
  EXPECT_EQ(foreach_items(values, YAML::Load("${loop}")).value().size(), 2U);
  EXPECT_FALSE(values.resolve_node(YAML::Load("&l [*l, *l, '${half}']")));
}

TEST(Ignore, FollowsGitignore) {
  const auto matches = [](const char* rule, std::vector<std::string> parts, bool folder) {
    return rule_matches(parse_ignore_rules(rule).at(0), parts, folder);
  };
  EXPECT_TRUE(matches("*.tmp", {"a", "b.tmp"}, false));
  EXPECT_FALSE(matches("/*.tmp", {"a", "b.tmp"}, false));
  EXPECT_FALSE(matches("out/", {"out"}, false));
  EXPECT_TRUE(matches("out/", {"x", "out"}, true));
  EXPECT_TRUE(matches("a/**/b", {"a", "b"}, false));
  EXPECT_TRUE(matches("a/**/b", {"a", "x", "y", "b"}, false));
  EXPECT_FALSE(matches("a/**", {"a"}, true));
  EXPECT_TRUE(matches("a/**", {"a", "x"}, false));
  EXPECT_TRUE(matches("[!a-c]?\\*", {"dx*"}, false));
  EXPECT_FALSE(matches("[!a-c]?\\*", {"bx*"}, false));
  EXPECT_TRUE(matches("\\#x ", {"#x"}, false));
  // Time grows with the product of the lengths only.
  std::string stars;
  for (int i = 0; i < 1000; ++i) stars += "*a";
  EXPECT_FALSE(matches((stars + "b").c_str(), {std::string(5000, 'a')}, false));
}

TEST(Listing, RefusesWhatIsNoListOfFiles) {
  const auto message = [](const std::string& text) {
    const auto files = parse_listing(text, "ab.dir");
    return files ? "no error" : files.error().message;
  };
  const std::string md5 = std::string("\"md5\":\"") + kMd5 + "\"";
  EXPECT_EQ(message("[{" + md5 + R"(,"relpath":"a/b"}])"), "no error");
  EXPECT_EQ(message("[]"), "no error");
  EXPECT_EQ(message("{"), "ab.dir: found no JSON list, expected the files of a directory");
  EXPECT_EQ(message("[{" + md5 + R"(,"relpath":"../b"}])"),
            "ab.dir: entry 0: found relpath \"../b\", expected a path within the repository");
  EXPECT_EQ(message(R"([{"md5":"12","relpath":"b"}])"),
            "ab.dir: entry 0: found md5 \"12\", expected 32 digits");
  EXPECT_EQ(message("[{" + md5 + R"(,"relpath":"b"},{)" + md5 + R"(,"relpath":"b"}])"),
            "ab.dir: entry 1: found \"b\" again, expected each file once");
  EXPECT_NE(message("[3]"), "no error");
  EXPECT_NE(message(std::string(100'000, '[')), "no error");
}

TEST(Listing, IsWrittenAsDvcWritesIt) {
  // From `dvc add` of a directory with these files, by DVC 3.67.
  const std::string text =
      R"([{"md5": "d41d8cd98f00b204e9800998ecf8427e", "relpath": "deep/empty"}, )"
      R"({"md5": "51037a4a37730f52c8732586d3aaa316", "relpath": "gr\u00fcn, \"x\".txt"}, )"
      R"({"md5": "51037a4a37730f52c8732586d3aaa316", "relpath": "twin"}])";
  auto files = parse_listing(text, "ab.dir").value();
  ASSERT_EQ(files.size(), 3U);
  std::swap(files[0], files[2]);
  EXPECT_EQ(listing_text(files), text);
  EXPECT_EQ(listing_text({}), "[]");
}

TEST(Object, IsNamedByItsDigest) {
  EXPECT_EQ((ObjectId{kMd5, false, false}.key()), "files/md5/01/3d0da08d6506664ce640459139176b");
  EXPECT_EQ((ObjectId{kMd5, true, true}.key()), "01/3d0da08d6506664ce640459139176b.dir");
}

class PullTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "iris-pull-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    ASSERT_TRUE(write_file(folder_ + "/.dvc/config",
                           "[core]\nremote = near\n['remote \"near\"']\nurl = ../remote\n"));
    const std::string md5 = md5_hex("content");
    object_ = folder_ + "/remote/files/md5/" + md5.substr(0, 2) + "/" + md5.substr(2);
    ASSERT_TRUE(write_file(object_, "content"));
    ASSERT_TRUE(write_file(folder_ + "/x.dvc", out_text("  path: x\n", md5)));
  }
  void TearDown() override { fs::remove_all(folder_); }

  PullResult pull_x() {
    const auto repository = open_dvc_repository(folder_).value();
    const auto outs = read_dvc_outs(repository).outs;
    EXPECT_EQ(outs.size(), 1U);
    return pull(repository, outs, {}).at(0);
  }
  std::size_t entries(const std::string& folder) const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_ + folder), fs::directory_iterator()));
  }

  std::string folder_;
  std::string object_;
};

TEST_F(PullTest, FetchesOnceAndThenFindsItUpToDate) {
  auto result = pull_x();
  ASSERT_FALSE(result.error) << result.error->message;
  EXPECT_TRUE(result.fetched);
  EXPECT_EQ(result.bytes, 7U);
  EXPECT_EQ(*read_file(folder_ + "/x"), "content");
  // Up to date needs no remote.
  fs::remove_all(folder_ + "/remote");
  result = pull_x();
  ASSERT_FALSE(result.error) << result.error->message;
  EXPECT_FALSE(result.fetched);
}

TEST_F(PullTest, ABrokenObjectInTheCacheIsFetchedAgain) {
  ASSERT_FALSE(pull_x().error);
  const std::string md5 = md5_hex("content");
  const std::string cached =
      folder_ + "/.dvc/cache/files/md5/" + md5.substr(0, 2) + "/" + md5.substr(2);
  ASSERT_TRUE(write_file(cached, "rotten"));
  fs::remove(folder_ + "/x");
  ASSERT_FALSE(pull_x().error);
  EXPECT_EQ(*read_file(folder_ + "/x"), "content");
  EXPECT_EQ(*read_file(cached), "content");
}

TEST_F(PullTest, ABrokenObjectLeavesTheFolderAsItWas) {
  ASSERT_TRUE(write_file(object_, "rotten"));
  const auto before = entries("");
  const auto result = pull_x();
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ExitCode::kInput);
  EXPECT_NE(result.error->message.find("found an object with digest " + md5_hex("rotten") +
                                       ", expected " + md5_hex("content")),
            std::string::npos)
      << result.error->message;
  EXPECT_EQ(entries(""), before);
}

TEST_F(PullTest, AFolderInTheWayIsNotRemoved) {
  ASSERT_TRUE(write_file(folder_ + "/x/mine", "mine"));
  const auto result = pull_x();
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->message, "x: found a folder, expected a file; move it away");
  EXPECT_EQ(*read_file(folder_ + "/x/mine"), "mine");
}

TEST_F(PullTest, AnOutputOfDvc2HasItsOldPlaceAndDigest) {
  // DVC 2 took the digest of text with Unix line ends, and kept what the file really held.
  const std::string md5 = md5_hex("a,b\n1,2\n");
  const std::string text = "a,b\r\n1,2\r\n";
  ASSERT_TRUE(write_file(folder_ + "/remote/" + md5.substr(0, 2) + "/" + md5.substr(2), text));
  ASSERT_TRUE(write_file(folder_ + "/x.dvc", "outs:\n- md5: " + md5 + "\n  path: x\n"));
  const auto result = pull_x();
  ASSERT_FALSE(result.error) << result.error->message;
  EXPECT_EQ(*read_file(folder_ + "/x"), text);
  EXPECT_FALSE(pull_x().fetched);
}

TEST_F(PullTest, LineEndsOfBinaryContentCountForDvc2) {
  const std::string content("a\r\n\0", 4);
  const std::string md5 = md5_hex(content);
  ASSERT_TRUE(write_file(folder_ + "/remote/" + md5.substr(0, 2) + "/" + md5.substr(2), content));
  ASSERT_TRUE(write_file(folder_ + "/x.dvc", "outs:\n- md5: " + md5 + "\n  path: x\n"));
  EXPECT_FALSE(pull_x().error);
  EXPECT_EQ(*read_file(folder_ + "/x"), content);
}

TEST_F(PullTest, WhatWasReceivedBeforeIsContinued) {
  const std::string md5 = md5_hex("content");
  const std::string partial =
      folder_ + "/.dvc/cache/partial/files-md5-" + md5.substr(0, 2) + "-" + md5.substr(2);
  ASSERT_TRUE(write_file(partial, "cont"));
  ASSERT_FALSE(pull_x().error);
  EXPECT_EQ(*read_file(folder_ + "/x"), "content");
  EXPECT_FALSE(fs::exists(partial));
  // What was received is of something else: once more from the beginning.
  fs::remove(folder_ + "/x");
  fs::remove_all(folder_ + "/.dvc/cache/files");
  ASSERT_TRUE(write_file(partial, "CONT"));
  ASSERT_FALSE(pull_x().error);
  EXPECT_EQ(*read_file(folder_ + "/x"), "content");
}

TEST_F(PullTest, OneOutputHasOneOwner) {
  fs::copy(folder_ + "/x.dvc", folder_ + "/y.dvc");
  const auto names = read_dvc_outs(open_dvc_repository(folder_).value());
  EXPECT_TRUE(names.outs.empty());
  ASSERT_EQ(names.faults.size(), 2U);
  for (const DvcFault& fault : names.faults) {
    EXPECT_NE(fault.error.message.find("found the output x, which"), std::string::npos);
  }
}

TEST_F(PullTest, WhatIsIgnoredAndOtherRepositoriesAreNotLookedInto) {
  for (const char* place : {"/.hidden", "/build", "/inner", "/left", "/out"}) {
    ASSERT_TRUE(write_file(folder_ + place + "/z.dvc", "not: [yaml"));
  }
  ASSERT_TRUE(write_file(folder_ + "/inner/.dvc/config", ""));
  ASSERT_TRUE(write_file(folder_ + "/.git/HEAD", "ref: refs/heads/main\n"));
  ASSERT_TRUE(write_file(folder_ + "/.gitignore", "/out/\n"));
  ASSERT_TRUE(write_file(folder_ + "/.dvcignore", "left\n"));
  EXPECT_FALSE(pull_x().error);
  std::vector<std::string> faults;
  for (const DvcFault& fault : read_dvc_outs(open_dvc_repository(folder_).value()).faults) {
    faults.push_back(fault.named_by);
  }
  EXPECT_EQ(faults, (std::vector<std::string>{".hidden/z.dvc", "build/z.dvc"}));
}

}  // namespace
}  // namespace iris::dataset
