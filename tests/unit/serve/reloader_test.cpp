#include "serve/reloader.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "example_model.hpp"
#include "format/onnx.hpp"
#include "scratch_folder.hpp"

namespace iris::serve {
namespace {

std::shared_ptr<const ServedModel> load(const std::string& path, const Clock& clock) {
  const auto file = read_model_file(path, clock);
  return *load_served_model(*file, clock);
}

class ReloaderTest : public testing::Test {
 protected:
  ReloaderTest() { log_.set_quiet(true); }

  static std::string onnx(const model::Model& model) { return *format::write_onnx(model); }

  Reloader::Outcome request(Reloader::Cause cause = Reloader::Cause::kAdmin) {
    std::promise<Reloader::Outcome> promise;
    reloader_.request(cause, [&](const auto& outcome) { promise.set_value(outcome); });
    return promise.get_future().get();
  }
  std::uint64_t count(ReloadResult result) const {
    return counters_[static_cast<std::size_t>(result)].value();
  }
  std::uint32_t answer() const {
    std::uint32_t label = 0;
    const float row[] = {2, 1};
    models_.current()->engine.predict(row, {&label, 1});
    return label;
  }
  // Requests, and expects that it is refused for this and nothing has changed.
  void expect_refused(std::string_view why) {
    const auto before = models_.current();
    const auto outcome = request();
    EXPECT_EQ(outcome.result, ReloadResult::kRefused);
    EXPECT_NE(outcome.message.find(why), std::string::npos) << outcome.message;
    EXPECT_NE(outcome.message.find(path_), std::string::npos) << outcome.message;
    EXPECT_EQ(models_.current(), before);
    EXPECT_EQ(outcome.model, before);
  }

  ScratchFolder folder_;
  std::string path_ = folder_ / "model.onnx";
  bool written_ = (folder_.write("model.onnx", onnx(example_model())), true);
  SystemClock clock_;
  Log log_;
  ModelStore models_{load(path_, clock_)};
  ReloadCounters counters_;
  std::vector<std::shared_ptr<const ServedModel>> retired_;
  Reloader reloader_{path_,     models_,
                     counters_, clock_,
                     log_,      [this](auto retired) { retired_.push_back(std::move(retired)); }};
};

TEST_F(ReloaderTest, ReplacesTheModel) {
  const auto before = models_.current();
  EXPECT_EQ(answer(), 0U);
  folder_.write("model.onnx", onnx(other_model()));
  const auto outcome = request();
  EXPECT_EQ(outcome.result, ReloadResult::kReplaced) << outcome.message;
  EXPECT_EQ(answer(), 1U);
  EXPECT_EQ(outcome.model, models_.current());
  EXPECT_NE(outcome.model->digest, before->digest);
  EXPECT_EQ(outcome.model->name, before->name);
  EXPECT_GT(outcome.model->load_duration.count(), 0);
  EXPECT_GE(outcome.model->loaded_at, before->loaded_at);
  ASSERT_EQ(retired_.size(), 1U);
  EXPECT_EQ(retired_[0], before);
  EXPECT_EQ(count(ReloadResult::kReplaced), 1U);
}

TEST_F(ReloaderTest, LeavesTheSameModelInItsPlace) {
  const auto before = models_.current();
  EXPECT_EQ(request().result, ReloadResult::kUnchanged);
  EXPECT_EQ(models_.current(), before);
  EXPECT_TRUE(retired_.empty());
  EXPECT_EQ(count(ReloadResult::kUnchanged), 1U);
}

TEST_F(ReloaderTest, RefusesWhatIsNoModel) {
  folder_.write("model.onnx", "no model");
  expect_refused("");
  std::filesystem::remove(path_);
  expect_refused("cannot open");
  const auto whole = onnx(other_model());
  folder_.write("model.onnx", std::string_view(whole).substr(0, whole.size() / 2));
  expect_refused("");
  EXPECT_EQ(count(ReloadResult::kRefused), 3U);
  folder_.write("model.onnx", whole);
  EXPECT_EQ(request().result, ReloadResult::kReplaced);
}

TEST_F(ReloaderTest, RefusesAnotherSignature) {
  auto model = example_model();
  model.signature.feature_names = {"width", "depth"};
  folder_.write("model.onnx", onnx(model));
  expect_refused("feature 2: found 'depth', expected 'height'");
  model = example_model();
  std::swap(model.signature.class_labels[0], model.signature.class_labels[1]);
  folder_.write("model.onnx", onnx(model));
  expect_refused("class 1: found 'high \"up\"', expected 'wide'");
  model = example_model();
  model.signature.feature_names.emplace_back("depth");
  model.classifier.coefficients = {1, 0, 0, 0, 1, 0};
  folder_.write("model.onnx", onnx(model));
  expect_refused("found 3 features, expected the 2 of the served model");
}

TEST_F(ReloaderTest, RefusesAModelThatDoesNotGiveItsGoldenAnswers) {
  auto model = other_model();
  model.golden_rows = {{{2, 1}, "wide", {0.9F, 0.1F}}};
  folder_.write("model.onnx", onnx(model));
  expect_refused("golden row");
}

// A writer that makes a file of many pieces is no storm of errors.
TEST_F(ReloaderTest, SaysOnceWhatIsWrongWithAFileThatKeepsChanging) {
  folder_.write("model.onnx", "half");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(request(Reloader::Cause::kFileChanged).result, ReloadResult::kRefused);
  }
  EXPECT_EQ(count(ReloadResult::kRefused), 1U);
  EXPECT_EQ(request(Reloader::Cause::kSignal).result, ReloadResult::kRefused);
  EXPECT_EQ(count(ReloadResult::kRefused), 2U) << "who asks is told";
}

TEST_F(ReloaderTest, AnswersWhoAsksMeanwhileByOneMoreLoad) {
  folder_.write("model.onnx", onnx(other_model()));
  std::promise<void> go;
  std::atomic<int> answered{0};
  reloader_.request(Reloader::Cause::kAdmin, [&](const auto&) { go.get_future().wait(); });
  for (int i = 0; i < 50; ++i) {
    reloader_.request(Reloader::Cause::kAdmin, [&](const auto&) { ++answered; });
  }
  go.set_value();
  request();
  EXPECT_EQ(answered, 50);
  EXPECT_LE(count(ReloadResult::kReplaced) + count(ReloadResult::kUnchanged), 3U);
}

TEST_F(ReloaderTest, DoesNotWaitForWhatDoesNotEnd) {
  std::promise<void> begun;
  std::promise<void> goes_on;
  reloader_.run_soon([&] {
    begun.set_value();
    goes_on.get_future().wait();
  });
  begun.get_future().wait();
  EXPECT_FALSE(reloader_.stop(std::chrono::milliseconds(1)));
  goes_on.set_value();
  EXPECT_TRUE(reloader_.stop(std::chrono::seconds(60)));
}

TEST_F(ReloaderTest, OutlivesWhateverATaskThrows) {
  log_.set_quiet(true);
  reloader_.run_soon([] { throw std::bad_alloc(); });
  EXPECT_EQ(request().result, ReloadResult::kUnchanged);
}

}  // namespace
}  // namespace iris::serve
