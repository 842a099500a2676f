#include "scale/shell_words.hpp"

#include <utility>

namespace iris::scale {
namespace {

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

class Words {
 public:
  Words(std::string_view text, const std::map<std::string, std::string>& variables)
      : text_(text), variables_(variables) {}

  std::optional<std::vector<std::string>> read() {
    while (at_ < text_.size() && simple_) step();
    if (!simple_ || quote_ != '\0') return std::nullopt;
    end_word();
    if (!words_.empty() && words_.front() == "exec") words_.erase(words_.begin());
    // An assignment before the command.
    if (words_.empty() || words_.front().find('=') != std::string::npos) return std::nullopt;
    return words_;
  }

 private:
  void step() {
    const char c = text_[at_++];
    if (quote_ == '\'') {
      c == '\'' ? void(quote_ = '\0') : add(c);
    } else if (takes_a_shell(c)) {
      simple_ = false;
    } else if (c == '\\') {
      take_escaped();
    } else if (c == '$') {
      take_variable();
    } else if (quote_ == '"') {
      c == '"' ? void(quote_ = '\0') : add(c);
    } else if (c == '\'' || c == '"') {
      quote_ = c;
      in_word_ = true;
    } else if (c == ' ' || c == '\t') {
      end_word();
    } else if (c == '\n') {
      // Blank lines around the command, and nothing after it.
      end_word();
      if (!words_.empty()) simple_ = text_.find_first_not_of(" \t\n", at_) == text_.npos;
    } else {
      add(c);
    }
  }

  // Outside of single quotes.
  bool takes_a_shell(char c) const {
    if (c == '`') return true;
    if (quote_ != '\0') return false;
    return std::string_view(";|&<>()*?[]{}!~").find(c) != std::string_view::npos ||
           (c == '#' && !in_word_);
  }

  void take_escaped() {
    if (at_ == text_.size()) return void(simple_ = false);
    const char c = text_[at_++];
    if (c == '\n') return;  // the line goes on
    // Within quotes a backslash is itself before anything else.
    if (quote_ == '"' && std::string_view("$`\"\\").find(c) == std::string_view::npos) add('\\');
    add(c);
  }

  // $NAME and ${NAME}. Without quotes a value is split at blanks, which we leave to a shell.
  void take_variable() {
    const bool braces = at_ < text_.size() && text_[at_] == '{';
    const auto begin = at_ + (braces ? 1 : 0);
    auto end = begin;
    while (end < text_.size() && is_name(text_[end])) ++end;
    const auto found = variables_.find(std::string(text_.substr(begin, end - begin)));
    const bool closed = !braces || (end < text_.size() && text_[end] == '}');
    if (end == begin || !closed || found == variables_.end()) return void(simple_ = false);
    const auto& value = found->second;
    if (quote_ == '\0' && (value.empty() || value.find_first_of(" \t\n*?[") != value.npos)) {
      return void(simple_ = false);
    }
    at_ = end + (braces ? 1 : 0);
    word_ += value;
    in_word_ = true;
  }

  void add(char c) {
    word_ += c;
    in_word_ = true;
  }
  void end_word() {
    if (in_word_) words_.push_back(std::exchange(word_, {}));
    in_word_ = false;
  }

  std::string_view text_;
  const std::map<std::string, std::string>& variables_;
  std::size_t at_ = 0;
  char quote_ = '\0';
  bool in_word_ = false;
  bool simple_ = true;
  std::string word_;
  std::vector<std::string> words_;
};

}  // namespace

std::optional<std::vector<std::string>> shell_words(
    std::string_view text, const std::map<std::string, std::string>& variables) {
  return Words(text, variables).read();
}

}  // namespace iris::scale
