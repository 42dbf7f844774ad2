"Small ICC profiles of version 2, for the examples of photos"
import itertools

D50 = .9642, 1, .8249
PRIMARIES = { # X, Y and Z of red, green and blue under D50, and gamma
    'Display P3': ((.51512, .24120, -.00105), (.29198, .69225, .04189), (.15710, .06657, .78407), 2.2),
    'Adobe RGB': ((.60974, .31111, .01947), (.20528, .62567, .06087), (.14919, .06322, .74457), 2.2),
    'ProPhoto RGB': ((.79767, .28804, 0), (.13519, .71188, 0), (.03134, .00009, .82491), 1.8),
    'sRGB': ((.43607, .22249, .01392), (.38515, .71687, .09708), (.14307, .06061, .71410), 2.2),
}


def number(n, size=4): return round(n).to_bytes(size, 'big', signed=n < 0)


def fixed(*values): return b''.join(number(v*65536) for v in values)


def xyz(values): return b'XYZ ' + bytes(4) + fixed(*values)


def curve(gamma): return b'curv' + bytes(4) + number(1) + number(gamma*256, 2) + bytes(2)


def profile(space, connection, tags):
    "The bytes of a profile; `tags` are bytes by their signature of four letters"
    header = bytes(4) + b'lcms' + number(0x02400000) + b'mntr' + space + connection
    header += b''.join(number(n, 2) for n in (2026, 1, 1, 0, 0, 0)) + b'acsp' + bytes(28) + fixed(*D50) + bytes(48)
    table, data = number(len(tags)), b''
    start = len(header) + 4 + 12*len(tags)
    for name, value in tags.items():
        table += name + number(start + len(data)) + number(len(value))
        data += value + bytes(-len(value) % 4)
    whole = header + table + data
    return number(len(whole)) + whole[4:]


def rgb_profile(name):
    "A profile of the `PRIMARIES`"
    *columns, gamma = PRIMARIES[name]
    tags = {b'wtpt': xyz(D50)}
    for letter, column in zip(b'rgb', columns):
        tags |= {bytes([letter]) + b'XYZ': xyz(column), bytes([letter]) + b'TRC': curve(gamma)}
    return profile(b'RGB ', b'XYZ ', tags)


def grey_profile(gamma): return profile(b'GRAY', b'XYZ ', {b'wtpt': xyz(D50), b'kTRC': curve(gamma)})


def cmyk_profile(black=.5):
    "Inks that are weaker than usual: full black leaves `black` of the lightness"
    corners = b''
    for c, m, y, k in itertools.product((0, 1), repeat=4):
        lightness = (1 - .3*c)*(1 - .4*m)*(1 - .1*y)*(black if k else 1)
        corners += bytes([round(255*lightness), 128 - 30*c + 60*m, 128 - 40*c + 80*y - 20*m])
    ramp = bytes(range(256))
    table = b'mft1' + bytes(4) + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + 4*ramp + corners + 3*ramp
    return profile(b'CMYK', b'Lab ', {b'wtpt': xyz(D50), b'A2B0': table})
