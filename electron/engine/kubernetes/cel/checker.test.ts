import { describe, expect, it } from 'vitest'
import { checkTypes } from './checker.ts'
import { parseExpression } from './syntax.ts'
import { BOOL, BYTES, type CelType, DOUBLE, DYN, formatType, INT, listOf, mapOf, NULL, STRING, structOf, UINT } from './types.ts'

/** Expressions, types and errors of cel-go's checker/checker_test.go and parser/parser_test.go, with homogeneous literals as Kubernetes has them. */
const MESSAGE = 'google.expr.proto3.test.TestAllTypes'
const NESTED = structOf(`${MESSAGE}.NestedMessage`, (name) => (name === 'bb' ? INT : undefined))
const FIELDS: Readonly<Record<string, CelType>> = {
  single_int32: INT, single_int64: INT, single_string: STRING, repeated_int64: listOf(INT), repeated_int32: listOf(INT), single_nested_message: NESTED,
  map_string_string: mapOf(STRING, STRING), single_value: DYN, single_struct: mapOf(STRING, DYN),
}
const ALL = structOf(MESSAGE, (name) => FIELDS[name])
const NAMES: Readonly<Record<string, CelType>> = { is: STRING, ii: INT, iu: UINT, iz: BOOL, ib: BYTES, id: DOUBLE, ix: NULL, x: ALL, xs: listOf(ALL), xm: mapOf(STRING, ALL), ns: listOf(INT), d: DYN }

function check(text: string): string {
  const ast = parseExpression(text)
  if ('wrong' in ast) return ast.wrong
  const { type, issues } = checkTypes(ast, text, (name) => NAMES[name])
  return issues ?? formatType(type)
}
const told = (text: string, ...errors: [column: number, message: string][]): string =>
  errors.map(([column, message]) => `ERROR: <input>:1:${column}: ${message}\n | ${text}\n | ${'.'.repeat(column - 1)}^`).join('\n')

describe('an expression is', () => {
  it.each([
    ['"A"', 'string'], ['12', 'int'], ['-12', 'int'], ['12u', 'uint'], ['true', 'bool'], ['12.23', 'double'], ['null', 'null'], ['b"ABC"', 'bytes'],
    ['is', 'string'], ['iu', 'uint'], ['ib', 'bytes'], ['[]', 'list(dyn)'], ['[1]', 'list(int)'], ['[1] + [2]', 'list(int)'], ['[] + [1,2,3,] + [4]', 'list(int)'],
    ['{1:2u, 2:3u}', 'map(int, uint)'], ['{"a":1, "b":2}.a', 'int'], ['size(ns) == ns.size()', 'bool'], ['int(1u) + int(uint("1"))', 'int'],
    ['false && !true || false ? 2 : 3', 'int'], ['b"abc" + b"def"', 'bytes'], ['1.0 + 2.0 * 3.0 - 1.0 / 2.20202 != 66.6', 'bool'], ['null == null && null != null', 'bool'],
    ['x.single_value + 1 / x.single_struct.y == 23', 'bool'], ['x.single_value[23] + x.single_struct["y"]', 'dyn'], ['size([] + [1])', 'int'],
    ['(xs + xs)[1].single_int32 == size(xs)', 'bool'], ['x.repeated_int64[x.single_int32] == 23', 'bool'], ['x.repeated_int64.map(x, double(x))', 'list(double)'],
    ['x.repeated_int64.map(x, x > 0, double(x))', 'list(double)'], ['xm["a"].single_int32 == 23', 'bool'], ['x.single_nested_message.bb == 43 && has(x.single_nested_message)', 'bool'],
    ['x.single_nested_message != null', 'bool'], ['x.repeated_int64.all(e, e > 0) && x.repeated_int64.exists(e, e < 0) && x.repeated_int64.exists_one(e, e == 0)', 'bool'],
    ['[1].filter(i, i > 1)', 'list(int)'], ['type(1) == int', 'bool'], ['duration("1s") < duration("2m")', 'bool'], ['timestamp("2020-01-01T00:00:00Z") - duration("1h")', 'timestamp'],
    ['1 <= 1.0 && 1u <= 1.0 && 1.0 <= 1 && 1.0 <= 1u && 1 <= 1u && 1u <= 1', 'bool'], ['x.?single_string', 'optional_type(string)'], ['x.?single_string.orValue("")', 'string'],
    ['ns[?0].optMap(n, n + 1).orValue(0)', 'int'], ['optional.of(1).hasValue()', 'bool'], ['optional.none().orValue("a")', 'string'],
    // Kubernetes' own libraries
    ['url("https://example.com").getQuery()', 'map(string, list(string))'], ['quantity("1Gi").isLessThan(quantity("2Gi"))', 'bool'], ['ns.isSorted() && ns.sum() < ns.max()', 'bool'],
    ['ip("10.0.0.1").family() == 4 && cidr("10.0.0.0/8").containsIP("10.0.0.1")', 'bool'], ['ip.isCanonical("::1")', 'bool'], ['!format.dns1123Label().validate(is).hasValue()', 'bool'],
    ['format.named("uri").hasValue()', 'bool'], ['sets.contains([1], ns)', 'bool'], ['"%s".format([is]) + ["a"].join(",")', 'string'], ['xm.all(k, v, k == "a" && v.single_int32 > 1)', 'bool'],
    ['xm.transformList(k, v, v.single_int64)', 'list(int)'], ['xm.transformMap(k, v, v.single_int64)', 'map(string, int)'], ['d.foo.bar[0] == 1', 'bool'], ['d.exists(e, e.name == "a")', 'bool'],
  ])('%s of type %s', (text, type) => expect(check(text)).toBe(type))
})

describe('an expression is wrong', () => {
  it.each<[string, ...[number, string][]]>([
    ['foo', [1, "undeclared reference to 'foo' (in container '')"]],
    ['1 + foo', [5, "undeclared reference to 'foo' (in container '')"]],
    ['fun()', [4, "undeclared reference to 'fun' (in container '')"]],
    ["'string'.fun()", [13, "undeclared reference to 'fun' (in container '')"]],
    ['xs + ns', [4, `found no matching overload for '_+_' applied to '(list(${MESSAGE}), list(int))'`]],
    ['xs[1u]', [3, `found no matching overload for '_[_]' applied to '(list(${MESSAGE}), uint)'`]],
    ['xm[2].single_int32 == 23', [3, `found no matching overload for '_[_]' applied to '(map(string, ${MESSAGE}), int)'`]],
    ['iz.all(y, y == true)', [1, "expression of type 'bool' cannot be range of a comprehension (must be list, map, or dynamic)"]],
    ['x.all(e, 0)', [1, `expression of type '${MESSAGE}' cannot be range of a comprehension (must be list, map, or dynamic)`], [10, "expected type 'bool' but found 'int'"]],
    ['x.single_nested_message.undefined == x.undefined && has(x.single_int32) && has(x.repeated_int32)', [24, "undefined field 'undefined'"], [39, "undefined field 'undefined'"]],
    ['x.single_int64 != null', [16, "found no matching overload for '_!=_' applied to '(int, null)'"]],
    ['x.repeated_int64.exists(y, y > 10) && y < 5', [39, "undeclared reference to 'y' (in container '')"]],
    ['[].map(x, [].map(y, x in y && y in x))', [33, "found no matching overload for '@in' applied to '(list(dyn), dyn)'"]],
    ['[].length', [3, "type 'list(_var0)' does not support field selection"]],
    ['[1, "A"]', [5, "expected type 'int' but found 'string'"]],
    ['1 && (is)', [1, "expected type 'bool' but found 'int'"], [7, "expected type 'bool' but found 'string'"]],
    ['has(x.nothing)', [4, "undefined field 'nothing'"]],
    ['(ii) == /* no comment */ is', [9, "Syntax error: mismatched input '/' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"]],
    ['((ii) ) == is', [9, "found no matching overload for '_==_' applied to '(int, string)'"]],
    ['ns.filter(i, i)', [10, "found no matching overload for '_?_:_' applied to '(int, list(int), list(int))'"]],
    ['ns.map(1, 2)', [8, 'argument is not an identifier']],
    ['1.all(2, 3)', [7, 'argument must be a simple name']],
    ['has(x)', [5, 'invalid argument to has() macro']],
    ['is.startsWith(1)', [14, "found no matching overload for 'startsWith' applied to 'string.(int)'"]],
    ['a | b', [3, "Syntax error: token recognition error at: '|'"]],
    ['is ii', [4, "Syntax error: extraneous input 'ii' expecting <EOF>"]],
  ])('%s', (text, ...errors) => expect(check(text)).toBe(told(text, ...errors)))

  it('in a line of its own, in tabs and in wide characters', () => {
    expect(check("is == 'a' &&\n\tii == 'é' && foo")).toBe("ERROR: <input>:2:5: found no matching overload for '_==_' applied to '(int, string)'\n |  ii == 'é' && foo\n | ....^\nERROR: <input>:2:15: undeclared reference to 'foo' (in container '')\n |  ii == 'é' && foo\n | ........．.....^")
  })

  it('because it ends too early', () => {
    expect(check('1 +')).toBe("ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | 1 +\n | ...^")
    expect(check("is.contains('x'")).toBe("ERROR: <input>:1:16: Syntax error: missing ')' at '<EOF>'\n | is.contains('x'\n | ...............^")
  })
})
