// The one place where the bodies of Beast are compiled.
#include <boost/beast/src.hpp>
