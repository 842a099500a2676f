// Questions to `iris hpa` out of a stream of JSON documents: one a line, several a line, or one
// over many lines, as jq and kubectl print them.
//
//   Questions questions(options, [](const std::string& answer) { … });
//   while (…) questions.take_line(line);
//   questions.finish();
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "scale/hpa/line.hpp"

namespace iris::scale::hpa {

// Each document gets one answer (line.hpp), as soon as the line that ends it is there. What is no
// document gets one error, and reading goes on
// - after the line, when that held all of it: a word, brackets that do not match, a string that the
//   line's end cuts off;
// - at the next line that begins with {, when it went over several;
// - at the next line that is a question by itself, whatever was left open before it.
class Questions {
 public:
  // Gets an answer without a line end.
  using Emit = std::function<void(const std::string& answer)>;

  Questions(AnswerOptions options, Emit emit) : options_(options), emit_(std::move(emit)) {}

  // A line without its end.
  void take_line(std::string_view line);
  // A line of which only the beginning fitted into memory.
  void take_long_line();
  // The end of the input: what is still open is answered with an error.
  void finish();

 private:
  // Takes a document, or what is there of it up to its fault, out of `line`.
  void scan(std::string_view& line);
  void end_document(bool broken);

  AnswerOptions options_;
  Emit emit_;
  std::string document_;  // as far as it was read; empty between documents
  std::string open_;      // the brackets that it must still close, innermost last
  bool several_lines_ = false;
  bool skipping_ = false;  // lines that may belong to a broken document
};

}  // namespace iris::scale::hpa
