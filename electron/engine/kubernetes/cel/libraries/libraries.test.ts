import { expect, it } from 'vitest'
import { KubernetesCel } from '../../cel.ts'

/** Rows of apiserver/pkg/cel/library (quantity_test.go, regex_test.go, library_compatibility) and of cel-go's ext/sets_test.go and strings_test.go. */

function value(text: string): unknown {
  const program = new KubernetesCel([], { open: false }).parse(text)
  const { valid, error } = program.check()
  if (!valid) throw error ?? new Error(text)
  return program({})
}

it.each([
  'sets.contains([], [])', '!sets.contains([], [1])', 'sets.contains([1, 2, 3, 4], [2, 3])', 'sets.contains([1], [1.0, 1])', 'sets.contains([[1], [2, 3]], [[2, 3.0]])', 'sets.contains([{"a": 1}], [{"a": 1.0}])',
  'sets.equivalent([], [])', 'sets.equivalent([1], [1, 1])', 'sets.equivalent([1, 2, 3], [3u, 2.0, 1])', '!sets.equivalent([2, 1], [1])',
  'sets.intersects([1, 2], [2, 3])', '!sets.intersects([], [])', '!sets.intersects([1], [])',
  '["a", "b", "b"].indexOf("b") == 1', '["a", "b", "b"].lastIndexOf("b") == 2', '["a"].indexOf("c") == -1',
  'quantity("12M") == quantity("12000k")', 'quantity("1Mi") != quantity("1M")', 'quantity("50k").asInteger() == 50000', '!quantity("50.5").isInteger()', 'quantity("50.703k").asApproximateFloat() == 50703.0',
  'quantity("-50M").sign() == -1', 'quantity("0").sign() == 0', 'quantity("50k").add(quantity("20")) == quantity("50020")', 'quantity("50k").add(20) == quantity("50020")', 'quantity("50k").sub(-1) == quantity("50001")',
  'quantity("200M").compareTo(quantity("0.2G")) == 0', 'quantity("50M").isLessThan(quantity("100M"))', '!isQuantity("20Mo")',
  '"abc 123".find("[0-9]+") == "123"', '"123 abc 456".findAll("[0-9]+") == ["123", "456"]', '"123 abc 456".findAll("[0-9]+", 1) == ["123"]', '"abc".findAll("[0-9]+") == []', 'matches("abc", "^[[:alpha:]]+$")',
  '"tacocat".charAt(3) == "o"', '"tacocat".charAt(7) == ""', '"12 days 12 hours".replace("{0}", "2") == "12 days 12 hours"', '"{0} days {0} hours".replace("{0}", "2", 1) == "2 days {0} hours"', '"1 {0} 2 {0}".replace("{0}", "2", 0) == "1 {0} 2 {0}"', '"ab".replace("", "$&") == "$&a$&b$&"', '"ab".replace("", "x", 2) == "xaxb"',
])('%s', (text) => expect(value(text)).toBe(true))

it.each([
  ['quantity("50.5").asInteger()', 'cannot convert value to integer'],
  ['"tacocat".charAt(30) == ""', 'index out of range: 30'],
  ['[].min()', 'min called on empty list'],
])('%s is refused', (text, why) => expect(() => value(text)).toThrow(why))
