#include "manual/completion.hpp"

#include <algorithm>
#include <functional>
#include <string_view>
#include <vector>

namespace holdfast::manual {
namespace {

/// Ways of completing a value.
enum class kind { nothing, file, directory, command, choice };

kind kind_of(flag_description const& flag) {
  if (!flag.choices.empty()) return kind::choice;
  if (flag.type == "FILE") return kind::file;
  if (flag.type == "DIR") return kind::directory;
  if (flag.type == "PROGRAM") return kind::command;
  return kind::nothing;
}

std::string joined(std::vector<std::string> const& words) {
  std::string text;
  for (auto const& word : words) (text += text.empty() ? "" : " ") += word;
  return text;
}

/// Quotes text for bash and zsh.
std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (auto const c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + '\'';
}

/// The commands after the program's name, such as `lock top`; empty for the program itself.
std::string path_of(command_description const& command) {
  auto const space = command.name.find(' ');
  return space == std::string::npos ? std::string() : command.name.substr(space + 1);
}

void each_command(command_description const& command, std::function<void(command_description const&)> const& call) {
  call(command);
  for (auto const& below : command.commands) each_command(below, call);
}

std::vector<std::string> names_of(command_description const& command) {
  std::vector<std::string> names{word_of(command)};
  names.insert(names.end(), command.aliases.begin(), command.aliases.end());
  return names;
}

std::vector<std::string> with_dashes(flag_description const& flag) {
  std::vector<std::string> names;
  for (auto const& name : flag.long_names) names.push_back("--" + name);
  for (auto const& name : flag.short_names) names.push_back('-' + name);
  return names;
}

/// The flags of a command without those of its program.
std::vector<flag_description> own_flags(command_description const& command, command_description const& program) {
  auto flags = command.flags;
  if (&command == &program) return flags;
  std::erase_if(flags, [&](auto const& flag) {
    return std::ranges::any_of(
        program.flags, [&](auto const& one) { return one.long_names == flag.long_names && one.what == flag.what; });
  });
  return flags;
}

/// The name of a shell function: letters and underscores.
std::string function_of(std::string name) {
  std::ranges::replace_if(name, [](char c) { return c == ' ' || c == '-'; }, '_');
  return '_' + name;
}

std::string heading(command_description const& program, char const* shell) {
  return "# Completion of " + program.name + " for " + shell + ", made by '" + program.name + " completion " + shell +
         "'.\n";
}

// --- bash ---------------------------------------------------------------------------------------------------------

std::string bash_kind(flag_description const& flag) {
  switch (kind_of(flag)) {
    case kind::nothing:
      return "any";
    case kind::file:
      return "file";
    case kind::directory:
      return "directory";
    case kind::command:
      return "command";
    case kind::choice:
      break;
  }
  return "words " + joined(flag.choices);
}

/// Tables of commands and flags, and a function that walks along the words typed so far.
std::string bash_completion(command_description const& program) {
  auto const function = function_of(program.name);
  std::string commands, values;
  each_command(program, [&](command_description const& command) {
    auto const path = path_of(command);
    std::vector<std::string> below, flags;
    std::string aliases;
    for (auto const& one : command.commands) {
      below.push_back(word_of(one));
      for (auto const& alias : one.aliases)
        aliases += "    " + shell_quoted(path + '/' + alias) + ") word=" + word_of(one) + " ;;\n";
    }
    for (auto const& flag : own_flags(command, program)) {
      auto const names = with_dashes(flag);
      flags.insert(flags.end(), names.begin(), names.end());
      if (flag.value.empty()) continue;
      std::string pattern;
      for (auto const& name : names) pattern += (pattern.empty() ? "" : " | ") + shell_quoted(path + '/' + name);
      values +=
          "    " + pattern + ") value=" + shell_quoted((flag.is_value_optional ? "?" : "") + bash_kind(flag)) + " ;;\n";
    }
    for (std::size_t i = 0; i < command.arguments.size(); ++i) {
      auto const& argument = command.arguments[i];
      values += "    " + shell_quoted(path + '/' + std::to_string(i)) +
                (argument.is_repeated ? " | " + shell_quoted(path + '/') + "[0-9]*" : "") +
                ") value=" + shell_quoted(bash_kind(argument)) + " ;;\n";
    }
    commands += "    " + shell_quoted(path) + ") commands=" + shell_quoted(joined(below)) +
                " flags=" + shell_quoted(joined(flags)) + " ;;\n";
    values += aliases;
  });
  return heading(program, "bash") + R"(
# What a command, such as 'lock top', takes: into $commands and $flags.
)" + function +
         R"(_takes() {
  case "$1" in
)" + commands +
         R"(  esac
}

# What the value of COMMAND/FLAG, or COMMAND/0 for its first argument, can be: into $value. An alias: into $word.
)" + function +
         R"(_value() {
  value=''
  case "$1" in
)" + values +
         R"(  esac
}

)" + function +
         R"(() {
  local current=${COMP_WORDS[COMP_CWORD]} path='' pending='' previous='' word='' value='' commands='' flags=''
  local program_flags i
  local -i arguments=0 only_arguments=0
  COMPREPLY=()
  )" + function +
         R"(_takes ''
  program_flags=$flags
  for ((i = 1; i < COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    if ((only_arguments)); then
      ((++arguments))
    elif [[ $word == '=' ]]; then
      pending=$previous
    elif [[ -n $pending ]]; then
      pending=''
    elif [[ $word == -- ]]; then
      only_arguments=1
    elif [[ $word == -?* ]]; then
      )" +
         function + R"(_value "$path/$word"
      [[ -n $value ]] || )" +
         function + R"(_value "/$word"
      [[ -z $value || $value == '?'* ]] || pending=$word
    else
      )" +
         function + R"(_value "$path/$word"
      if [[ " $commands " == *" $word "* ]]; then
        path+=${path:+ }$word arguments=0
        )" +
         function + R"(_takes "$path"
      else
        ((++arguments))
      fi
    fi
    previous=$word
  done
  if [[ $current == '=' ]]; then
    pending=$previous current=''
  fi
  if [[ -n $pending ]]; then
    )" + function +
         R"(_value "$path/$pending"
    [[ -n $value ]] || )" +
         function + R"(_value "/$pending"
    value=${value#'?'}
  elif [[ $current == -* ]] && ((!only_arguments)); then
    [[ -z $path ]] || flags+=" $program_flags"
    value="words $flags"
  elif [[ -n $commands ]]; then
    value="words $commands"
  else
    )" + function +
         R"(_value "$path/$arguments"
  fi
  case "$value" in
    words*) mapfile -t COMPREPLY < <(compgen -W "${value#words}" -- "$current") ;;
    command)
      mapfile -t COMPREPLY < <(compgen -c -- "$current"; compgen -f -- "$current")
      ;;
    file | directory)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -A "$value" -- "$current")
      ;;
  esac
}

complete -F )" +
         function + ' ' + program.name + '\n';
}

// --- zsh ----------------------------------------------------------------------------------------------------------

std::string zsh_escaped(std::string_view text, std::string_view special) {
  std::string out;
  for (auto const c : text) {
    if (special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_action(flag_description const& flag) {
  switch (kind_of(flag)) {
    case kind::nothing:
      return "()";  // not a blank: zsh would then offer no flags, either
    case kind::file:
      return "_files";
    case kind::directory:
      return "_files -/";
    case kind::command:
      return "_normal";
    case kind::choice:
      break;
  }
  return '(' + joined(flag.choices) + ')';
}

/// A specification for _arguments.
std::string zsh_flags(std::vector<flag_description> const& flags) {
  std::string text;
  for (auto const& flag : flags) {
    for (auto const& name : with_dashes(flag)) {
      auto spec = '*' + name;
      if (!flag.value.empty()) spec += name.starts_with("--") ? "=" : "+";
      spec += '[' + zsh_escaped(flag.what, "\\[]:") + ']';
      if (!flag.value.empty())
        spec +=
            std::string(flag.is_value_optional ? "::" : ":") + zsh_escaped(flag.value, "\\:") + ':' + zsh_action(flag);
      text += "    " + shell_quoted(spec) + " \\\n";
    }
  }
  return text;
}

void zsh_function(command_description const& command, command_description const& program, std::string& text) {
  auto flags = own_flags(command, program);
  if (&command != &program) flags.insert(flags.end(), program.flags.begin(), program.flags.end());
  text += function_of(command.name) + "() {\n";
  if (command.commands.empty()) {
    text += "  _arguments -S \\\n" + zsh_flags(flags);
    for (auto const& argument : command.arguments) {
      auto const place = !argument.is_repeated                ? argument.is_required ? ":" : "::"
                         : kind_of(argument) == kind::command ? "*::"
                                                              : "*:";
      text += "    " + shell_quoted(place + zsh_escaped(argument.value, "\\:") + ':' + zsh_action(argument)) + " \\\n";
    }
    text += "    && return 0\n  return 1\n}\n\n";
    return;
  }
  text +=
      "  local curcontext=$curcontext state line\n  local -i ret=1\n  typeset -A opt_args\n  _arguments -C "
      "\\\n" +
      zsh_flags(flags) +
      "    ':command:->command' '*::arguments:->arguments' && ret=0\n  case $state in\n    command)\n" +
      "      local -a commands=(\n";
  for (auto const& below : command.commands)
    for (auto const& name : names_of(below))
      text += "        " + shell_quoted(zsh_escaped(name, "\\:") + ':' + below.summary) + '\n';
  text +=
      "      )\n      _describe -t commands command commands && ret=0\n      ;;\n    arguments)\n      case $words[1] "
      "in\n";
  for (auto const& below : command.commands) {
    std::string names;
    for (auto const& name : names_of(below)) names += (names.empty() ? "" : " | ") + name;
    text += "        " + names + ") " + function_of(below.name) + " && ret=0 ;;\n";
  }
  text += "      esac\n      ;;\n  esac\n  return ret\n}\n\n";
  for (auto const& below : command.commands) zsh_function(below, program, text);
}

/// A function for each command. The script works both from $fpath and when it is sourced.
std::string zsh_completion(command_description const& program) {
  auto text = "#compdef " + program.name + '\n' + heading(program, "zsh") + '\n';
  zsh_function(program, program, text);
  auto const function = function_of(program.name);
  // Name of the file in $fpath, and of the function that zsh creates from it.
  return text + "if [[ $funcstack[1] == _" + program.name + " ]]; then\n  " + function + " \"$@\"\nelse\n  compdef " +
         function + ' ' + program.name + "\nfi\n";
}

// --- fish ---------------------------------------------------------------------------------------------------------

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (auto const c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + '\'';
}

std::string fish_value(flag_description const& flag) {
  switch (kind_of(flag)) {
    case kind::nothing:
      return " -x";
    case kind::file:
    case kind::command:
      return " -r -F";
    case kind::directory:
      return " -x -a '(__fish_complete_directories)'";
    case kind::choice:
      break;
  }
  return " -x -a " + fish_quoted(joined(flag.choices));
}

std::string fish_completion(command_description const& program) {
  auto const at = '_' + function_of(program.name) + "_at";
  std::string lines;
  std::vector<std::string> commands, with_value;
  each_command(program, [&](command_description const& command) {
    auto const is_program = &command == &program;
    auto const path = path_of(command);
    auto const above = path.substr(0, path.size() - std::min(path.size(), word_of(command).size()));
    std::string here;
    for (auto const& name : names_of(command)) {
      auto const full = is_program ? std::string() : above + name;
      if (!is_program) commands.push_back(fish_quoted(full));
      here += (here.empty() ? "" : " ") + fish_quoted(full);
    }
    auto const condition = " -n " + fish_quoted(at + ' ' + here);
    auto const start = "complete -c " + program.name + (is_program ? "" : condition);
    for (auto const& below : command.commands)
      for (auto const& name : names_of(below))
        lines += "complete -c " + program.name + condition + " -a " + name + " -d " + fish_quoted(below.summary) + '\n';
    for (auto const& flag : own_flags(command, program)) {
      lines += start;
      for (auto const& name : flag.long_names) lines += " -l " + name;
      for (auto const& name : flag.short_names) lines += " -s " + name;
      if (!flag.value.empty() && !flag.is_value_optional) {
        lines += fish_value(flag);
        for (auto const& name : with_dashes(flag))
          if (std::ranges::find(with_value, name) == with_value.end()) with_value.push_back(name);
      }
      lines += " -d " + fish_quoted(flag.what) + '\n';
    }
    for (auto const& argument : command.arguments) {
      auto const of = kind_of(argument);
      if (of == kind::choice) lines += start + " -a " + fish_quoted(joined(argument.choices)) + '\n';
      if (of == kind::file || of == kind::directory || of == kind::command) lines += start + " -F\n";
    }
  });
  return heading(program, "fish") + R"(
# Whether the words so far name one of these commands, such as 'lock top'; '' is the program itself.
function )" +
         at + R"(
  set -l commands )" +
         joined(commands) + R"(
  set -l with_value )" +
         joined(with_value) + R"(
  set -l path ''
  set -l is_value 0
  for word in (commandline -opc)[2..]
    if test $is_value = 1
      set is_value 0
    else if contains -- $word $with_value
      set is_value 1
    else if contains -- (string trim -- "$path $word") $commands
      set path (string trim -- "$path $word")
    end
  end
  contains -- "$path" $argv
end

complete -c )" +
         program.name + R"( -f
)" + lines;
}

}  // namespace

std::string completion(command_description const& program, shell in) {
  switch (in) {
    case shell::bash:
      return bash_completion(program);
    case shell::zsh:
      return zsh_completion(program);
    case shell::fish:
      break;
  }
  return fish_completion(program);
}

}  // namespace holdfast::manual
