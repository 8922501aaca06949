#include <exception>
#include <iostream>

#include "client/cli/command_line.hpp"
#include "client/cli/compare_command.hpp"
#include "client/cli/key_commands.hpp"
#include "client/cli/load_command.hpp"
#include "client/cli/lock_command.hpp"

namespace holdfast::client::cli {
namespace {

int run(print_command const& command) {
  (command.exit_status == exit_ok ? std::cout : std::cerr) << command.text;
  return command.exit_status;
}

}  // namespace
}  // namespace holdfast::client::cli

int main(int argc, char** argv) {
  using namespace holdfast::client::cli;
  try {
    return std::visit([](auto const& command) { return run(command); }, parse_command_line(argc, argv));
  } catch (std::exception const& error) {
    std::cerr << "holdfast: " << error.what() << '\n';
    return exit_refused;
  }
}
