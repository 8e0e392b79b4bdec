import { expect, test } from 'vitest'
import { laptop } from '../testing.samples.ts'

test('a child that a signal killed is reported with its number in five columns', () => {
  expect(laptop().run("bash -c 'kill -9 $$'; echo $?")).toMatchObject({ stdout: '137\n', stderr: expect.stringMatching(/^bash: line 1: {2}\d{4} Killed {18}bash -c 'kill -9 \$\$'\n$/) })
})
