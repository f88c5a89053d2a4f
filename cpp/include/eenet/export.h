#pragma once

// What a public header declares is seen from outside the shared libraries; everything else is
// hidden. EENET_HIDDEN hides all of it: the Python module keeps its copy of the library to itself.
#ifdef EENET_HIDDEN
#define EENET_API
#else
#define EENET_API __attribute__((visibility("default")))
#endif
