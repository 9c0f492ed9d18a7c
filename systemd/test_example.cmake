# The example configuration must be good as it stands: checked with the SOP folders of the source tree.
file(READ ${CONFIG} text)
string(REGEX REPLACE "sop = {[^}]*}" "sop = { \"${SOURCE}/sop\" }" text "${text}")
file(WRITE ${OUT}/sopd.lua "${text}")
execute_process(COMMAND ${SOPD} check --config ${OUT}/sopd.lua RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "sopd check: ${code}\n${out}\n${err}")
endif()
