#include "format/foreign.hpp"

#include <gtest/gtest.h>

#include <string>

namespace iris::format {
namespace {

using std::string_literals::operator""s;

struct Foreign {
  const char* name;
  std::string bytes;
  const char* what;
  const char* advice;
};

class RecogniseForeign : public testing::TestWithParam<Foreign> {};

TEST_P(RecogniseForeign, SaysWhatItIsAndHowToConvertIt) {
  const auto& [name, bytes, what, advice] = GetParam();
  const auto found = recognise_foreign(bytes);
  ASSERT_TRUE(found.has_value());
  EXPECT_NE(found->find(what), std::string::npos) << *found;
  EXPECT_NE(found->find(advice), std::string::npos) << *found;
}

INSTANTIATE_TEST_SUITE_P(
    All, RecogniseForeign,
    testing::Values(
        Foreign{"pickle0", "ccopy_reg\n_reconstructor\np0\n(csklearn\n.", "pickle (protocol 0",
                "skl2onnx.to_onnx"},
        Foreign{"pickle0_dictionary", "(dp0\nS'a'\n.", "pickle (protocol 0", "iris train"},
        Foreign{"pickle1", "}q\0X"s, "pickle (protocol 0 or 1)", "skl2onnx"},
        Foreign{"pickle2", "\x80\x02}q\0."s, "pickle (protocol 2)", "skl2onnx"},
        Foreign{"pickle4", "\x80\x04\x95"s, "pickle (protocol 4)", "skl2onnx"},
        Foreign{"pickle5", "\x80\x05\x95"s, "pickle (protocol 5)", "skl2onnx"},
        Foreign{"gzip", "\x1f\x8b\x08"s, "gzip", "skl2onnx"},
        Foreign{"zlib", "\x78\x9c\xed"s, "zlib", "joblib"},
        Foreign{"torch", "PK\x03\x04....archive/data.pkl"s, "PyTorch", "torch.onnx.export"},
        Foreign{"keras", "PK\x03\x04....model.weights.h5"s, "Keras", "model.export"},
        Foreign{"zip", "PK\x03\x04....a.onnx"s, "a zip", "Unpack"},
        Foreign{"hdf5", "\x89HDF\r\n\x1a\n"s, "HDF5", "model.export"},
        Foreign{"dvc", "outs:\n- md5: 1\n", "DVC", "iris pull"},
        Foreign{"empty", "", "empty", "?"}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(RecogniseForeign, LeavesOnnxAlone) {
  EXPECT_FALSE(recognise_foreign("\x08\x04\x12\x04iris").has_value());
}

TEST(RecogniseText, TellsJsonFromText) {
  EXPECT_NE(recognise_text(" {\"a\": 1}")->find("JSON"), std::string::npos);
  EXPECT_NE(recognise_text("{\"learner\": {}}")->find("XGBoost"), std::string::npos);
  EXPECT_NE(recognise_text("hello\n")->find("text"), std::string::npos);
  EXPECT_FALSE(recognise_text("\x01\x02").has_value());
}

}  // namespace
}  // namespace iris::format
