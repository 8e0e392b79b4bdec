import { expect, it } from 'vitest'
import { fqdnMatches } from './fqdn.ts'

it.each([
  ['*.example.com', 'www.example.com.', true], ['*.example.com', 'a.b.example.com.', false], ['*.example.com', 'example.com.', false],
  ['*example.com', 'myexample.com.', true], ['*', 'anything.at.all.', true], ['EXAMPLE.com', 'example.COM.', true], ['a.c', 'abc.', false],
])('the pattern %s and the name %s', (matchPattern, name, expected) => expect(fqdnMatches({ matchPattern }, name)).toBe(expected))
