# What find_package(tensorwright) reads: the ABI header, the helpers every native package builds with, and the folder of
# the op facets.
include("${CMAKE_CURRENT_LIST_DIR}/TensorwrightPackage.cmake")
get_filename_component(tensorwright_ROOT_DIR "${CMAKE_CURRENT_LIST_DIR}/../tensorwright" ABSOLUTE)
set(tensorwright_OPS_DIR "${tensorwright_ROOT_DIR}/facets")
if(NOT TARGET tensorwright::headers)
  add_library(tensorwright::headers INTERFACE IMPORTED)
  target_include_directories(tensorwright::headers INTERFACE "${tensorwright_ROOT_DIR}/include")
endif()
