// Compiles the common headers of all test programs; see tests/CMakeLists.txt.
int main() {}
