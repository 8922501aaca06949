// Stands for all test programs while their common headers are compiled: see tests/CMakeLists.txt.
int main() {}
