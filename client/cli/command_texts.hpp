#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/cli/description.hpp"

namespace holdfast::client::cli {

/// The help texts of a command that its CLI11 definition does not contain. Texts of flags are in their definitions.
struct command_text {
  std::string path;  ///< its name after `holdfast`: `lock top`; empty for the program itself
  std::vector<std::string> aliases;
  std::string group;  ///< its heading
  std::string summary;
  std::vector<example> examples;  ///< the most common first; help shows three
  std::string details;            ///< additional text of the manual
};

/// All commands, in the order of the help.
[[nodiscard]] std::vector<command_text> const& command_texts();

/// The texts of one command, which must exist.
[[nodiscard]] command_text const& text_of_command(std::string_view path);

}  // namespace holdfast::client::cli
