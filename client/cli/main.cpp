#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <iostream>

#include "client/cli/command_line.hpp"
#include "client/cli/compare_command.hpp"
#include "client/cli/console.hpp"
#include "client/cli/data_commands.hpp"
#include "client/cli/environment.hpp"
#include "client/cli/key_commands.hpp"
#include "client/cli/load_command.hpp"
#include "client/cli/lock_command.hpp"
#include "client/cli/named_lock_commands.hpp"

namespace holdfast::client::cli {
namespace {

int run(print_command const& command) {
  if (command.exit_status == exit_ok) return print(command.text);
  std::cerr << command.text;
  return command.exit_status;
}

/// A closed standard stream's number would go to the next descriptor that is opened, and the output into that. Opened
/// in the wrong direction, each use of it is an error.
void occupy_closed_streams() {
  for (auto const stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFL) < 0 && errno == EBADF)
      static_cast<void>(::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY));
}

}  // namespace
}  // namespace holdfast::client::cli

int main(int argc, char** argv) {
  using namespace holdfast::client::cli;
  occupy_closed_streams();
  try {
    for (auto const& complaint : complaints_about_environment(environ)) remark(complaint);
    return std::visit([](auto const& command) { return run(command); }, parse_command_line(argc, argv));
  } catch (std::exception const& error) {
    std::cerr << "holdfast: " << error.what() << '\n';
    return exit_refused;
  }
}
