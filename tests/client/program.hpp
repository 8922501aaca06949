#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace holdfast::tests {

/// How a program ended and what it said.
struct program_result {
  int exit_status = -1;  ///< 128 + the signal's number when one ended it
  std::string out;
  std::string err;
};

struct program_input {
  std::vector<std::string> arguments;
  std::string standard_input;
  std::map<std::string, std::string> environment;  ///< added to the test's own
  bool err_is_terminal = false;                    ///< standard error is a terminal of its own instead of a pipe
  bool out_is_terminal = false;                    ///< standard output is
  unsigned short terminal_columns = 100;           ///< of either
  int out = -1;                                    ///< if not negative: standard output, which the test reads itself
};

/// A child process. Its output is small enough for a pipe or read by wait().
class program {
 public:
  program(std::string const& path, program_input const& input);
  ~program();
  program(program const&) = delete;
  program& operator=(program const&) = delete;

  void send_signal(int number) const;
  /// Reads standard error until `text` has appeared in it; false when the program ends before.
  bool wait_for_err(std::string const& text);
  /// The same with standard output.
  bool wait_for_out(std::string const& text);
  /// Leaves, as `head` does: nobody reads standard output any more.
  void close_out();
  [[nodiscard]] bool has_ended() const;
  program_result wait();

 private:
  bool read_some();

  pid_t child_ = -1;
  int out_ = -1;
  int err_ = -1;
  program_result result_;
};

program_result run_program(std::string const& path, program_input const& input);

}  // namespace holdfast::tests
