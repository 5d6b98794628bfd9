# weir_bpf_object(VARIABLE SOURCE): compiles a program for the kernel's virtual machine; VARIABLE is
# where the object lies. g++ cannot do that, so that clang 14 is needed whatever compiles the rest.
find_program(WEIR_BPF_CLANG clang-14 REQUIRED)

function(weir_bpf_object variable source)
  get_filename_component(name ${source} NAME_WLE)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.o)
  # The kernel's own headers lie where the host's compiler finds them and clang for BPF does not.
  add_custom_command(OUTPUT ${object}
    COMMAND ${WEIR_BPF_CLANG} -target bpf -mcpu=v3 -std=gnu11 -O2 -g -Wall -Wextra -Werror
      -I ${CMAKE_BINARY_DIR}/include/bpf -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
      -MD -MF ${object}.d -c ${source} -o ${object}
    DEPENDS ${source} DEPFILE ${object}.d
    COMMENT "Compiling ${name} for BPF" VERBATIM)
  set(${variable} ${object} PARENT_SCOPE)
endfunction()
