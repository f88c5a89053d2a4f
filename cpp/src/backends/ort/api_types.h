#pragma once

namespace eenet::ort {

// Objects and numbers of ONNX Runtime's C interface, as far as they are used.

struct Allocator;
struct CudaOptions;
struct Env;
struct EpDevice;
struct HardwareDevice;
struct IoBinding;
struct KeyValuePairs;
struct MemoryInfo;
struct RunOptions;
struct Session;
struct SessionOptions;
struct Status;
struct TensorInfo;
struct TensorRtOptions;
struct ThreadingOptions;
struct TypeInfo;
struct Value;

enum ElementType : int { kFloat = 1, kUInt8 = 2, kInt32 = 6, kInt64 = 7, kFloat16 = 10 };
enum LoggingLevel : int { kWarning = 2, kError = 3, kFatal = 4 };

/// Takes a message of the library.
using LoggingFunction = void (*)(void* param, LoggingLevel severity, const char* category,
                                 const char* id, const char* location, const char* message);
enum GraphOptimizationLevel : int { kEnableAll = 99 };
enum ExecutionMode : int { kSequential = 0 };
enum AllocatorType : int { kDevice = 0, kArena = 1 };
enum MemoryType : int { kDefault = 0 };
enum HardwareType : int { kCpu = 0, kGpu = 1, kNpu = 2 };
enum DeviceMemoryType : int { kDeviceOnly = 0, kHostAccessible = 5 };

}  // namespace eenet::ort
