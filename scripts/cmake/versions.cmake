# Turns the lines KEY=VALUE of scripts/versions into CMake variables.
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/../versions gyre_version_lines REGEX "^[A-Z0-9_]+=")
foreach(line IN LISTS gyre_version_lines)
  string(REGEX MATCH "^([A-Z0-9_]+)=(.*)$" _ "${line}")
  set(${CMAKE_MATCH_1} "${CMAKE_MATCH_2}")
endforeach()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/../versions)
