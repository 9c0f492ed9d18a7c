# Turns a text file into a C array: cmake -DIN=file -DOUT=file.c -DSYMBOL=name -P embed.cmake
file(READ ${IN} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE ${OUT} "extern const char ${SYMBOL}[];\nextern const unsigned long ${SYMBOL}_len;\nconst char ${SYMBOL}[] = {${bytes}0};\nconst unsigned long ${SYMBOL}_len = sizeof ${SYMBOL} - 1;\n")
