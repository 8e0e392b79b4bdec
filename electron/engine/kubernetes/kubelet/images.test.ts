import { describe, expect, it } from 'vitest'
import { Story } from './stories.samples.ts'

const waiting = (story: Story): { reason?: string; message?: string } => story.pod().status.containerStatuses![0]!.state!.waiting ?? {}

describe('an image', () => {
  it('that the world has and Podhop has not is refused with the registry’s words, and a list of what there is', () => {
    const story = new Story()
    story.run('web', { containers: [{ image: 'acme/shop:1' }] })
    const [pulling, failed] = story.events('web', ['Pulling', 'Failed'])
    expect(pulling).toBe('Normal Pulling Pulling image "acme/shop:1"')
    expect(failed).toMatch(/^Warning Failed Failed to pull image "acme\/shop:1": .*insufficient_scope: authorization failed \(podhop: not simulated: this image; there are .*\bbusybox, .*\bnginx\b.*\)$/)
    story.pass(5)
    expect(waiting(story).reason).toBe('ImagePullBackOff')
    expect(waiting(story).message).toMatch(/^Back-off pulling image "acme\/shop:1": ErrImagePull: /)
    expect(story.events('web', ['BackOff'])).toEqual(['Normal BackOff Back-off pulling image "acme/shop:1"'])
  })

  it('whose tag the registry has and Podhop has not says so; one that nobody has does not', () => {
    const story = new Story()
    const failed = (name: string, image: string): string => {
      story.run(name, { containers: [{ image }] })
      return story.events(name, ['Failed'])[0]!
    }
    expect(failed('old', 'mysql:5.5')).toMatch(/docker\.io\/library\/mysql:5\.5: not found \(podhop: not simulated: this tag; there are mysql:5\.6, 5\.7, 8\.0, 8\.4 and 9\)$/)
    expect(failed('typo', 'nginx:1.161')).toMatch(/docker\.io\/library\/nginx:1\.161: not found$/)
  })

  it('is pulled again after 10, 20, 40 seconds, at the kubelet’s next look', () => {
    const story = new Story()
    const at: number[] = []
    story.cluster.client.watch('events', { namespace: 'default' }, (event) => {
      if ((event.type === 'ADDED' || event.type === 'MODIFIED') && (event.object as { reason?: string }).reason === 'Pulling') at.push(story.cluster.clock.now)
    })
    story.run('web', { containers: [{ image: 'nginx:nope' }] })
    story.pass(250)
    const waits = at.slice(1, 4).map((t, i) => (t - at[i]!) / 1000)
    // of the next pull nobody is told any more: 25 events of an object, then one in five minutes
    expect(waits).toHaveLength(3)
    for (const [i, least] of [10, 20, 40].entries()) {
      expect(waits[i]).toBeGreaterThan(least)
      expect(waits[i]).toBeLessThan(least + 17)
    }
  })

  it('whose name is no name, or that must be there already', () => {
    const story = new Story()
    story.run('web', { containers: [{ image: 'Nginx:1' }] })
    expect(waiting(story)).toEqual({ reason: 'InvalidImageName', message: expect.stringMatching(/^Failed to apply default image tag "Nginx:1": couldn't parse image name "Nginx:1": .*must be lowercase/) as string })
    story.delete()
    story.cluster.settle()
    story.run('web', { containers: [{ image: 'nginx:1.26', imagePullPolicy: 'Never' }] })
    expect(waiting(story)).toEqual({ reason: 'ErrImageNeverPull', message: 'Container image "nginx:1.26" is not present with pull policy of Never' })
  })

  it('is pulled once, and then is on the node', () => {
    const story = new Story()
    story.run('web', { nodeName: 'worker-1', imagePullSecrets: [{ name: 'nowhere' }], containers: [{ image: 'nginx:1.27' }] })
    expect(story.events('web', ['Pulled'])[0]).toMatch(/^Normal Pulled Successfully pulled image "nginx:1\.27" in \d+(\.\d+)?m?s \(\d+(\.\d+)?m?s including waiting\)\. Image size: \d+ bytes\.$/)
    story.run('again', { nodeName: 'worker-1', containers: [{ image: 'nginx:1.27' }] })
    expect(story.events('again', ['Pulled'])).toEqual(['Normal Pulled Container image "nginx:1.27" already present on machine'])
  })
})
