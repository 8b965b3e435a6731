# cpack --config build/release/CPackConfig.cmake: a Debian package and an archive that runs where it is unpacked.
set(CPACK_GENERATOR "DEB;TGZ")
set(CPACK_PACKAGE_NAME halfstep)
set(CPACK_PACKAGE_VENDOR "The Halfstep developers")
set(CPACK_PACKAGE_CONTACT "The Halfstep developers <developers@halfstep.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_FILE "${CMAKE_CURRENT_LIST_DIR}/package_description.txt")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_RESOURCE_FILE_LICENSE "${CMAKE_SOURCE_DIR}/LICENSE")
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
# The libraries as dpkg-shlibdeps finds them; libhalfstep_core, which is in the package, among the built ones.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${CMAKE_LIBRARY_OUTPUT_DIRECTORY}")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "qt6-wayland")
include(CPack)
