# Compiler settings that every target of ours shares.
add_library(weir_options INTERFACE)
target_compile_options(weir_options INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wcast-align
  -Wformat=2 -Wundef $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Woverloaded-virtual>
  -fno-omit-frame-pointer)
# g++ 12 sees overlapping copies in every `"text" + std::string` (gcc bug 105651).
target_compile_options(weir_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(WEIR_SANITIZE)
  target_compile_options(weir_options INTERFACE
    -fsanitize=${WEIR_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(weir_options INTERFACE -fsanitize=${WEIR_SANITIZE})
endif()
if(WEIR_FUZZ)
  target_compile_options(weir_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
