#include "model/model.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "example.hpp"

namespace iris::model {
namespace {

TEST(Validate, AcceptsSoundModels) {
  EXPECT_TRUE(validate(three_classes()).has_value());
  EXPECT_TRUE(validate(two_classes()).has_value());
}

struct Flaw {
  const char* name;
  std::function<void(Model&)> make;
  const char* message;
};

class ValidateFlaws : public testing::TestWithParam<Flaw> {};

TEST_P(ValidateFlaws, AreRefusedByName) {
  Model model = two_classes();
  GetParam().make(model);
  const auto checked = validate(model);
  ASSERT_FALSE(checked.has_value());
  EXPECT_NE(checked.error().message.find(GetParam().message), std::string::npos)
      << checked.error().message;
  EXPECT_EQ(checked.error().code, ExitCode::kInput);
}

INSTANTIATE_TEST_SUITE_P(
    All, ValidateFlaws,
    testing::Values(Flaw{"no_features", [](Model& m) { m.signature.feature_names.clear(); },
                         "0 feature names, expected 1"},
                    Flaw{"one_class", [](Model& m) { m.signature.class_labels.pop_back(); },
                         "1 class names, expected 2"},
                    Flaw{"empty_name", [](Model& m) { m.signature.feature_names[1].clear(); },
                         "empty feature name"},
                    Flaw{"feature_twice", [](Model& m) { m.signature.feature_names[1] = "width"; },
                         "feature 'width' twice"},
                    Flaw{"class_twice", [](Model& m) { m.signature.class_labels[1] = "no"; },
                         "class 'no' twice"},
                    Flaw{"coefficients", [](Model& m) { m.classifier.coefficients.pop_back(); },
                         "3 coefficients, expected 4"},
                    Flaw{"intercepts", [](Model& m) { m.classifier.intercepts.push_back(0); },
                         "3 intercepts, expected 2"},
                    Flaw{"nan", [](Model& m) { m.classifier.coefficients[0] = std::nanf(""); },
                         "coefficients with a number that is not finite"},
                    Flaw{"infinite",
                         [](Model& m) {
                           m.classifier.intercepts[0] = std::numeric_limits<float>::infinity();
                         },
                         "intercepts with a number that is not finite"},
                    Flaw{"not_opposite", [](Model& m) { m.classifier.coefficients[0] = 7; },
                         "not each other's negative"},
                    Flaw{"golden_label",
                         [](Model& m) {
                           m.golden_rows = {{{1, 2}, "maybe", {0.5F, 0.5F}}};
                         },
                         "label 'maybe', which is not a class"},
                    Flaw{"golden_width",
                         [](Model& m) {
                           m.golden_rows = {{{1}, "no", {0.5F, 0.5F}}};
                         },
                         "1 golden row values, expected 2"},
                    Flaw{"golden_probabilities",
                         [](Model& m) {
                           m.golden_rows = {{{1, 2}, "no", {1}}};
                         },
                         "1 golden row probabilities, expected 2"}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(Validate, RefusesTheLogisticLinkForThreeClasses) {
  Model model = three_classes();
  model.classifier.link = Link::kLogistic;
  EXPECT_FALSE(validate(model).has_value());
}

}  // namespace
}  // namespace iris::model
