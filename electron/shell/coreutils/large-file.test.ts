import { expect, it } from 'vitest'
import { house } from '../house.samples.ts'

it('to search a large file takes time, so that others have their turn and it can be stopped', () => {
  const lab = house({ nodes: 1 })
  lab.run('head -c 4000000 /dev/zero | tr "\\0" "\\n" > large')
  expect(lab.run('grep -c maybe large; timeout 0.01 grep -c maybe large; echo $?').output).toBe('0\n124\n')
})
