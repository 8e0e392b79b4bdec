import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { foundLab, type UsableLab } from '../labs.ts'
import { someLab } from '../packs/packs.samples.ts'
import { Desk, eventually } from '../session/desk.samples.ts'
import { collectResults, parseResults, type ResultsFile } from './file.ts'
import { gradesOf, type Grade } from './grade.ts'
import { replayResult } from './replay.ts'

const found = foundLab('lab-a', someLab('lab-a')) as UsableLab
const NOW = Date.UTC(2026, 0, 2, 3, 4)

/** What Ann has done, as her file says it. */
async function annsFile(): Promise<ResultsFile> {
  const desk = new Desk({ labs: [found] })
  await desk.session.open('lab-a')
  desk.session.input({ kind: 'hint', check: 'made' })
  await desk.type('kubectl run web --image=nginx', /pod\/web created/)
  await eventually(() => desk.session.run!.active === 2, () => {
    desk.session.input({ kind: 'time', advance: 1000 })
    return 'the first step'
  })
  desk.session.input({ kind: 'answer', check: 'word', answer: 'node' })
  desk.session.input({ kind: 'answer', check: 'word', answer: ' Pods ' })
  expect(desk.session.run!.finished).toBe(true)
  desk.session.input({ kind: 'answer', check: 'word', answer: 'changed afterwards' })
  await desk.session.open(null)
  desk.session.close()
  const collected = collectResults({ student: 'Ann', version: '1', labs: [found], progress: desk.progress, sessionsFolder: join(desk.folder, 'sessions'), now: NOW })
  return parseResults(JSON.stringify(collected))
}

const ann = annsFile()
const changed = async (change: (lab: ResultsFile['labs'][number]) => object): Promise<Grade> => {
  const file = structuredClone(await ann)
  Object.assign(file.labs[0]!, change(file.labs[0]!))
  return gradesOf(file, [found])[0]!.grade
}

describe('the results of a student', () => {
  it('say what has passed, with how many hints, and when', async () => {
    const { grade } = gradesOf(await ann, [found])[0]!
    expect(grade).toMatchObject({ student: 'Ann', lab: 'lab-a', title: 'The lab lab-a', steps: 2, stepsPassed: 2, checks: 2, checksPassed: 2, finished: true, hints: 1, remarks: [] })
    expect([grade.began, grade.finishedAt].every((time) => !Number.isNaN(Date.parse(time!)))).toBe(true)
    expect((await ann).exported).toBe('2026-01-02T03:04:00.000Z')
  })

  it('pass the same checks again when they are replayed', async () => {
    const [result] = (await ann).labs
    expect(await replayResult(result!, found, 'build-1')).toBe('yes: 2 of 2 checks pass again')
    expect(await replayResult(result!, found, 'build-2')).toBe('no: done with another build of Podhop')
    expect(await replayResult(result!, { ...found, fingerprint: 'other' }, 'build-1')).toBe('no: done in another version of the lab')
    expect(await replayResult({ ...result!, session: undefined }, found, 'build-1')).toBe('no: what was typed is not in the file')
    for (const session of ['', 'AAAA', 'H4sIAAAAAAAAA6tWKkktLlGyUlAqS8wpTVWqBQBUnPOmFAAAAA==']) expect(await replayResult({ ...result!, session }, found, 'build-1')).toBe('no: what was typed cannot be read')
  })

  it('that claim more than was typed differ in the replay', async () => {
    const [result] = (await ann).labs
    expect(await replayResult({ ...result!, passed: { ...result!.passed, more: 1 } }, found, 'build-1')).toBe('DIFFERS: 1 of 3 checks do not pass')
  })

  it('that no way through the lab can give say so', async () => {
    const remarks = async (change: Parameters<typeof changed>[0]): Promise<string[]> => (await changed(change)).remarks
    expect(await remarks(({ passed }) => ({ passed: { word: passed['word'] } }))).toEqual(['cannot be: "word" passed before its step began', 'cannot be: finished with steps that have not passed'])
    expect(await remarks(({ passed }) => ({ passed: { ...passed, ['__proto__x']: 1 } }))).toEqual(['cannot be: a check "__proto__x" passed'])
    expect(await remarks(() => ({ finished: false }))).toEqual(['cannot be: not finished, though all steps have passed'])
    expect(await remarks(() => ({ hints: { made: 3 } }))).toEqual(['cannot be: "made" has 2 hints'])
    expect(await remarks(() => ({ answers: { word: 'node' } }))).toEqual(['cannot be: "word" passed with the answer "node"'])
    expect(await remarks(() => ({ answers: {} }))).toEqual(['cannot be: "word" passed with the answer ""'])
    expect(await remarks(() => ({ fingerprint: 'other', answers: {} }))).toEqual(['done in another version of the lab'])
    expect(await remarks(() => ({ forgotten: 2 }))).toEqual(['began anew 2 times'])
    expect(await remarks(() => ({ id: 'lab-z', pack: 'shop' }))).toEqual(['the lab is not here: import the pack "shop"; nothing was checked'])
    expect(await changed(() => ({ passed: {} }))).toMatchObject({ stepsPassed: 0, checksPassed: 0, finished: false })
  })

  it('that are none are refused with a reason', () => {
    expect(() => parseResults('{')).toThrow('is no JSON')
    expect(() => parseResults('null')).toThrow('is no results file of Podhop')
    expect(() => parseResults('{"podhop":"results","format":2,"student":"x","exported":"","version":"","labs":[]}')).toThrow('is no results file of Podhop: format:')
    expect(() => parseResults('{"podhop":"results","format":1,"student":"x","exported":"","version":"","labs":[{"id":""}]}')).toThrow('labs.0.id')
  })

  it('tell what passed before a reset from what was typed since', async () => {
    const desk = new Desk({ labs: [found] })
    await desk.session.open('lab-a')
    await desk.type('kubectl run web --image=nginx', /pod\/web created/)
    await eventually(() => desk.session.run!.active === 2, () => {
      desk.session.input({ kind: 'time', advance: 1000 })
      return 'the first step'
    })
    await desk.session.reset(false)
    desk.session.input({ kind: 'answer', check: 'word', answer: 'pod' })
    await desk.session.open(null)
    desk.session.close()
    const [result] = collectResults({ student: 'Bob', version: '1', labs: [found], progress: desk.progress, sessionsFolder: join(desk.folder, 'sessions'), now: NOW }).labs
    expect(await replayResult(result!, found, 'build-1')).toBe('partly: 1 of 2 checks pass again; 1 passed on an earlier cluster, of which nothing is kept')
    desk.progress.forget('lab-a')
    expect(desk.progress.times('lab-a')).toMatchObject({ forgotten: 1 })
    expect(desk.progress.times('lab-a')).not.toHaveProperty('finished')
  })
})
