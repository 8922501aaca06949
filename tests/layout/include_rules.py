"""Holds every #include of the tree to the rooms: what may depend on what.

include_rules.py ROOT: prints each line that breaks a rule, the rule and what to do; exits 1 when there is one.
To add a folder with sources, add its room to ROOMS.
"""

import os
import re
import sys
from dataclasses import dataclass

# Other people's code that some room must not know, by what the include begins with.
LIBRARIES = {
    "Asio's buffer views": ("boost/asio/buffer.hpp",),  # views of memory, which wait for nothing
    "Asio": ("boost/asio", "asio/"),
    "Beast": ("boost/beast",),
    "JSON": ("nlohmann/", "boost/json"),
    "logging": ("spdlog/", "fmt/"),
    "command line": ("CLI/",),
    "threads and locks": ("mutex", "shared_mutex", "condition_variable", "thread", "semaphore", "latch", "barrier",
                          "stop_token", "future", "pthread.h"),
    # Not arpa/inet.h, which reads and writes the text of addresses.
    "sockets": ("sys/socket.h", "sys/epoll.h", "netinet/", "netdb.h", "poll.h"),
    "test frameworks": ("gtest/", "gmock/", "benchmark/", "relacy/"),
    "Boost basics": ("boost/system/", "boost/version.hpp", "boost/config.hpp", "boost/assert.hpp"),
}


@dataclass(frozen=True)
class Room:
    """A set of files and what they may include. The longest matching prefix decides a file's room."""

    name: str
    prefix: str
    ours: tuple  # the rooms it may include, besides itself
    never: tuple = ()  # libraries it must not include
    only: tuple = None  # when given, the only libraries besides the standard's
    advice: str = ""


WAITING = ("Asio", "logging", "command line", "threads and locks", "sockets", "test frameworks")
SERVER = ("log", "loop", "net", "access", "insight", "json", "journal", "cluster", "data", "database", "store", "http", "forward", "web", "api", "app")
EVERYTHING_BUILT = SERVER + ("protocol", "sync", "tls", "manual", "client")

ROOMS = (
    Room("protocol", "protocol/", (), WAITING,
         advice="protocol holds values alone. Pass in what the line needs as a value, or move the code to the server or"
                " the client."),
    Room("tls", "tls/", (), ("Asio", "logging", "command line", "test frameworks", "Beast", "JSON"),
         advice="tls encrypts what goes over a socket, for both sides. What waits belongs to net or the client."),
    Room("manual", "manual/", (), tuple(library for library in WAITING if library != "command line") + ("Beast", "JSON"),
         advice="manual turns a described command line into text. What the words say belongs to the program."),
    Room("sync", "server/sync/", (), (), ("Asio", "Boost basics"),
         advice="the lock library is lifted out by others and needs Asio alone. Move what knows the server to server/."),
    Room("log", "server/log/", (), ("Asio", "test frameworks"),
         advice="the log is the lowest of the server's rooms. Pass in what the line needs as a field of a log line."),
    Room("loop", "server/loop/", ("sync",), ("Beast", "JSON", "logging", "command line", "test frameworks"),
         advice="the loop runs functions and knows nothing of what they do. What knows connections belongs to net."),
    Room("net", "server/net/", ("tls", "log", "loop"), ("Beast", "JSON", "logging", "command line", "test frameworks"),
         advice="net moves bytes and knows nothing of what they say. What knows HTTP belongs to http."),
    Room("access", "server/access/", ("protocol", "net"), ("Asio", "Beast", "JSON", "logging", "command line", "sockets", "test frameworks"),
         advice="access knows tokens, limits and files of lines. What knows requests belongs to api; what logs, to app."),
    Room("insight", "server/insight/", ("protocol", "net"), ("Asio", "Beast", "logging", "command line", "sockets", "test frameworks"),
         advice="insight counts and tells what others do to the lock. What answers requests belongs to api."),
    Room("json", "server/json/", ("protocol",), WAITING + ("Asio's buffer views", "Beast", "JSON"),
         advice="json finds and changes what JSON texts say, and keeps their bytes. What knows keys or requests belongs to"
                " api."),
    Room("journal", "server/journal/", ("protocol",), ("Asio", "Beast", "JSON", "logging", "command line", "sockets", "test frameworks"),
         advice="the journal keeps changes. What knows the lock or requests belongs to the store or above; what logs, to"
                " app."),
    Room("cluster", "server/cluster/", ("protocol", "tls", "journal"), ("Asio", "Beast", "logging", "command line", "test frameworks"),
         advice="the cluster keeps changes in etcd, by calls that block. What knows the lock or requests belongs to the"
                " store or above; what logs, to app."),
    Room("database", "server/store/database", ("protocol", "json", "journal", "data"), WAITING + ("Asio's buffer views", "Beast", "JSON"),
         advice="the database is a plain synchronous map. What waits, locks, logs or formats belongs to the store or"
                " above."),
    Room("data", "server/store/operation", ("protocol",), WAITING + ("Asio's buffer views", "Beast", "JSON"),
         advice="operations are plain values. What runs them belongs to the database."),
    Room("data", "server/store/outcome_codec", ("protocol",), WAITING + ("Asio's buffer views", "Beast", "JSON"),
         advice="the codec knows outcomes and bytes. What stores them belongs to the journal."),
    Room("data", "server/store/answered_requests", ("protocol",), WAITING + ("Asio's buffer views", "Beast", "JSON"),
         advice="answered requests are a plain container. What waits belongs to the store."),
    Room("data", "server/store/page_maker", ("protocol",), WAITING + ("Asio's buffer views", "Beast", "JSON"),
         advice="a page is filled with plain values. What finds them belongs to the database."),
    Room("data", "server/store/step_results", ("protocol",), WAITING + ("Asio's buffer views", "Beast", "JSON"),
         advice="results are plain values. What runs the steps belongs to the database."),
    Room("data", "server/store/named_lock", ("protocol", "journal"), WAITING + ("Asio's buffer views", "Beast", "JSON"),
         advice="named locks are a plain container. What waits belongs to the store, what answers to api."),
    Room("data", "server/store/expiry_index", ("protocol",), WAITING + ("Asio's buffer views", "Beast", "JSON"),
         advice="the index is a plain container. What waits belongs to the store."),
    Room("store", "server/store/", ("protocol", "sync", "loop", "insight", "net", "journal", "data", "database"),
         ("Beast", "JSON", "logging", "command line", "sockets", "test frameworks"),
         advice="the store is the database behind its lock. What knows HTTP belongs to http or api; what logs, to app."),
    Room("http", "server/http/", ("protocol", "tls", "log", "loop", "net"),
         ("JSON", "logging", "command line", "threads and locks", "sockets", "test frameworks"),
         advice="http turns bytes into requests and answers into bytes, and knows no key. What a request means belongs to"
                " api."),
    Room("forward", "server/forward/", ("protocol", "tls", "log", "loop", "net", "http"),
         ("Beast", "JSON", "logging", "command line", "sockets", "test frameworks"),
         advice="forward passes requests on to the leader and knows no key. What a request means belongs to api; who leads,"
                " to cluster."),
    Room("web", "server/web/", (), WAITING,
         advice="the page is files. What serves them belongs to api."),
    Room("api", "server/api/", ("protocol", "loop", "net", "access", "insight", "json", "journal", "store", "data", "database", "http", "web"),
         ("Beast", "logging", "command line", "threads and locks", "sockets", "test frameworks"),
         advice="api says what requests mean. What moves bytes belongs to http or net; threads and settings to app."),
    Room("app", "server/", SERVER + ("protocol", "sync", "tls", "manual"), ("Beast", "test frameworks"),
         advice="server and client meet in protocol alone. Move what both need there."),
    Room("client", "client/", ("protocol", "tls", "manual"), ("test frameworks",),
         advice="server and client meet in protocol alone. Move what both need there."),
    Room("bench", "bench/", EVERYTHING_BUILT,
         advice="a benchmark measures what is built, not the tests. Move what both need into the room it is about."),
    Room("tests", "tests/", EVERYTHING_BUILT,
         advice="a test uses what is built. Move what it needs of a benchmark into the room it is about."),
    Room("tests/protocol", "tests/protocol/", ("protocol", "tests"),
         advice="these tests mirror protocol/. A test that needs more belongs to tests/end_to_end."),
    Room("tests/sync", "tests/sync/", ("sync", "tests"),
         advice="these tests mirror server/sync/. A test that needs more belongs to tests/server."),
    Room("tests/server", "tests/server/", SERVER + ("protocol", "sync", "tls", "tests", "tests/protocol"),
         advice="these tests mirror server/. A test that needs the client too belongs to tests/end_to_end."),
    Room("tests/client", "tests/client/", ("protocol", "client", "tests"),
         advice="these tests mirror client/. A test that needs the server too belongs to tests/end_to_end."),
    Room("cmake", "cmake/", (),
         advice="files in cmake/ belong to the build alone."),
)

SOURCE = re.compile(r"\.(?:hpp|cpp|ipp|h|cc|c|hh|cxx)$")
HEADER = re.compile(r"\.(?:hpp|ipp|h|hh)$")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SYNC_INCLUDES = "server/sync/include/"


def room_of(path):
    """The room of a path from the root, or None."""
    matching = [room for room in ROOMS if path.startswith(room.prefix)]
    return max(matching, key=lambda room: len(room.prefix), default=None)


def library_of(target):
    """The name of the library an include belongs to, or None for the standard's and any not listed."""
    for name, beginnings in LIBRARIES.items():
        for beginning in beginnings:
            whole = beginning.endswith(".h") or beginning.endswith(".hpp") or "/" not in beginning
            if target == beginning or (not whole and target.startswith(beginning)):
                return name
    return None


def broken_rules(root, path, quote, target):
    """Yields (rule, what to do) for each rule that the include of `target` in the file `path` breaks."""
    room = room_of(path)
    if target.startswith(SYNC_INCLUDES):
        yield "the lock library has a public name", f"write <{target[len(SYNC_INCLUDES):]}>."
        return
    if target.startswith("holdfast/sync/"):
        other = room_of(SYNC_INCLUDES)
    else:
        other = room_of(target) if os.path.isfile(os.path.join(root, target)) else None
    if other is not None:
        if other.name != room.name and other.name not in room.ours:
            allowed = " and ".join(filter(None, [", ".join(room.ours), "itself"]))
            yield f"{room.name} may include {allowed} of ours, not {other.name}", room.advice
    elif quote == '"':
        yield ("there is no such file from the repository's root",
               "write the path from the root in quotes, and other people's headers as <…>.")
    library = library_of(target)
    if library in room.never:
        yield f"{room.name} must not know {library}", room.advice
    elif room.only is not None and other is None and quote == "<" and "/" in target and library not in room.only:
        yield f"{room.name} may include nothing but {', '.join(room.only)} and the standard library", room.advice
    if library == "Beast" and HEADER.search(path):
        yield ("no header includes Beast, which costs every file that reads it 15 seconds",
               "declare what the callers need in plain types and include Beast in the .cpp.")


def violations(root):
    """Yields a message for every include under root that breaks a rule, and for every source outside the rooms."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in ("build", "node_modules"))
        for file in sorted(files):
            if not SOURCE.search(file):
                continue
            path = os.path.relpath(os.path.join(folder, file), root).replace(os.sep, "/")
            if room_of(path) is None:
                yield f"{path}: this file is in no room\n    do: move it, or add its room to tests/layout/include_rules.py"
                continue
            with open(os.path.join(folder, file), encoding="utf-8") as text:
                for number, line in enumerate(text, 1):
                    found = INCLUDE.match(line)
                    if found:
                        for rule, advice in broken_rules(root, path, *found.groups()):
                            yield f"{path}:{number}: {line.strip()}\n    rule: {rule}\n    do: {advice}"


if __name__ == "__main__":
    broken = list(violations(sys.argv[1]))
    print("\n".join(broken) if broken else "every include keeps to its room")
    sys.exit(1 if broken else 0)
