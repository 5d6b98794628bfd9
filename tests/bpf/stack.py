"""The stack that a kernel program takes: at most 512 bytes for any chain of calls.

Kernels before 6.6, Debian 12's among them, count the frame of each function as a multiple of 32 bytes; later
ones are less strict, so that a program that loads here may not load there. Read from the object itself.

usage: stack.py OBJECT"""

import struct
import sys

LIMIT, MULTIPLE = 512, 32
SYMBOL_TABLE, RELOCATIONS, FUNCTION, EXECUTABLE = 2, 9, 2, 4
CALL, ADD_TO_REGISTER, OF_OWN_FUNCTION, FRAME_POINTER = 0x85, 0x07, 1, 10
LOAD_OR_STORE = {0x01, 0x02, 0x03}  # the class of an instruction: its lowest three bits


def sections_of(elf):
    at, = struct.unpack_from("<Q", elf, 0x28)
    count, = struct.unpack_from("<H", elf, 0x3C)
    # name, type, flags, address, offset, size, link, info, alignment, entry size
    return [struct.unpack_from("<IIQQQQIIQQ", elf, at + 64 * i) for i in range(count)]


def symbols_of(elf, sections):
    """Name, type, section, value and size of each."""
    table = next(each for each in sections if each[1] == SYMBOL_TABLE)
    symbols, names = [], sections[table[6]][4]
    for at in range(table[4], table[4] + table[5], 24):
        name, info, _, section, value, size = struct.unpack_from("<IBBHQQ", elf, at)
        text = elf[names + name:elf.index(b"\0", names + name)].decode()
        symbols.append((text, info & 15, section, value, size))
    return symbols


def frame_and_calls(elf, sections, symbols, function):
    _, _, section, value, size = function
    begin = sections[section][4]
    places = {}
    for each in sections:
        if each[1] == RELOCATIONS and each[7] == section:
            for at in range(each[4], each[4] + each[5], 16):
                offset, info = struct.unpack_from("<QQ", elf, at)
                places[offset] = symbols[info >> 32]
    frame, calls = 0, set()
    for offset in range(value, value + size, 8):
        code, registers, shift, immediate = struct.unpack_from("<BBhi", elf, begin + offset)
        if code & 7 in LOAD_OR_STORE and FRAME_POINTER in (registers & 15, registers >> 4):
            frame = max(frame, -shift)
        elif code == ADD_TO_REGISTER and -LIMIT <= immediate < 0:  # an address in the frame, or less than that
            frame = max(frame, -immediate)
        elif code == CALL and registers >> 4 == OF_OWN_FUNCTION:
            calls.add(places[offset][0])
    return frame, calls


def main(path):
    with open(path, "rb") as file:
        elf = file.read()
    sections = sections_of(elf)
    symbols = symbols_of(elf, sections)
    known = {each[0]: frame_and_calls(elf, sections, symbols, each) for each in symbols if each[1] == FUNCTION}

    def deepest(name):
        frame, calls = known[name]
        taken, chain = max((deepest(each) for each in calls), default=(0, []))
        return taken + -(-max(frame, 1) // MULTIPLE) * MULTIPLE, [f"{name} ({frame})", *chain]

    taken, chain = max(map(deepest, known))
    print(f"{taken} of {LIMIT} bytes: {', '.join(chain)}")
    return taken > LIMIT


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
