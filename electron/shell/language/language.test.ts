import { expect, test } from 'vitest'
import { laptop } from '../testing.samples.ts'

test('a script prints', () => {
  expect(laptop().run('echo "hello $((1+2))" $(echo a b) {x,y}{1..3}; for i in 1 2; do echo $i; done | cat; f() { local a=$1; echo "f $a"; return 3; }; f q; echo $?')).toEqual({
    stdout: 'hello 3 a b x1 x2 x3 y1 y2 y3\n1\n2\nf q\n3\n', stderr: '', code: 0,
  })
})
