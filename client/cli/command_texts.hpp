#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/cli/description.hpp"

namespace holdfast::client::cli {

/// The words about a command that its grammar does not have. The flags have theirs where they are added.
struct command_text {
  std::string path;  ///< its name behind `holdfast`: `lock top`; empty for the program itself
  std::vector<std::string> aliases;
  std::string group;  ///< the heading under which it stands
  std::string summary;
  std::vector<example> examples;  ///< the commonest first; help shows three
  std::string details;            ///< what the manual has besides
};

/// All commands, in the order in which help shows them.
[[nodiscard]] std::vector<command_text> const& command_texts();

/// Those of one command, which must be there.
[[nodiscard]] command_text const& text_of_command(std::string_view path);

}  // namespace holdfast::client::cli
