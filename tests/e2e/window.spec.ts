import { expect, Keyboard, openLab, openWindow, test, view } from './podhop.ts'

test('the catalogue lists the labs, and the picture follows what is typed', async ({ page, podhop }) => {
  await podhop.start()
  await openWindow(page, podhop)
  for (const id of ['containers-in-one-pod', 'pod-to-pod', 'stable-address']) await expect(page.getByTestId(`lab-card-${id}`)).toBeVisible()
  const keyboard = await openLab(page, podhop, 'containers-in-one-pod')
  const { topology } = await view(page)
  expect(Object.keys(topology.nodes)).toEqual(['control-plane', 'worker-1'])
  await keyboard.run('kubectl run web --image=nginx && kubectl wait --for=condition=Ready pod/web --timeout=90s')
  await expect(page.getByTestId('pod-default-web')).toBeAttached()
  await keyboard.run('kubectl delete pod web')
  await expect(page.getByTestId('pod-default-web')).not.toBeAttached()
})

test('a connection can be played hop by hop', async ({ page, podhop }) => {
  await podhop.start()
  const keyboard = await openLab(page, podhop, 'pod-to-pod')
  await keyboard.run('kubectl apply -f pods.yaml && kubectl wait --for=condition=Ready pod --all --timeout=90s')
  await keyboard.run('kubectl exec alice -- curl -s -o /dev/null http://$(kubectl get pod carol -o jsonpath="{.status.podIP}")')
  await page.getByRole('button', { name: /journeys/i }).first().click()
  await page.getByTestId('journey-list').getByRole('button').first().click()
  await expect(page.getByTestId('journey')).toHaveAttribute('data-verdict', 'delivered')
  await page.getByTestId('journey-play').click()
  await expect(page.getByTestId('journey-hop-3')).toBeVisible()
})

test('a connection that failed says at which hop, leads there, and explains why', async ({ page, podhop }) => {
  await podhop.start()
  const keyboard = await openLab(page, podhop, 'pod-to-pod')
  await keyboard.run('kubectl create service clusterip empty --tcp=80 && kubectl run asks --image=busybox --command -- sleep 1d && kubectl wait --for=condition=Ready pod/asks --timeout=90s')
  await keyboard.run('kubectl exec asks -- wget -T 2 -O - http://$(kubectl get svc empty -o jsonpath="{.spec.clusterIP}")')
  await page.getByRole('button', { name: /journeys/i }).first().click()
  await page.getByTestId('journey-list').getByRole('button', { name: /rejected/ }).first().click()
  const failure = page.getByTestId('journey-failure')
  const number = /Hop ([0-9]+), /.exec(await failure.innerText())![1]!
  await failure.click()
  await expect(page.getByTestId(`journey-hop-${number}`)).toHaveAttribute('data-stage', 'reject')
  await expect(page.getByTestId(`journey-hop-${number}`)).toBeInViewport()
  await page.getByTestId('journey').press('End')
  await page.getByRole('button', { name: /^Why: / }).click()
  await expect(page.getByTestId('explanation')).toBeInViewport()
})

test('no page asks anything but 127.0.0.1', async ({ page, podhop }) => {
  const hosts = new Set<string>()
  page.on('request', (request) => hosts.add(new URL(request.url()).hostname))
  page.on('websocket', (socket) => hosts.add(new URL(socket.url()).hostname))
  await podhop.start()
  await openLab(page, podhop, 'containers-in-one-pod')
  expect([...hosts].filter((h) => h !== '')).toEqual(['127.0.0.1'])
})

test('bad input gets the real words, and the shell goes on', async ({ page, podhop }) => {
  await podhop.start()
  const keyboard = await openLab(page, podhop, 'containers-in-one-pod')
  expect(await keyboard.run('kubectl get foos')).toContain('error: the server doesn\'t have a resource type "foos"')
  expect(await keyboard.run('kubectl get pods --nope')).toContain('error: unknown flag: --nope')
  expect(await keyboard.run('kubectl get pod nope')).toContain('Error from server (NotFound): pods "nope" not found')
  expect(await keyboard.run('nosuchcommand')).toContain('nosuchcommand: command not found')
  expect(await keyboard.run('kubectl run bad --image=nosuchimage && sleep 5 && kubectl get pod bad')).toMatch(/ErrImagePull|ImagePullBackOff/)
})

test('several terminals live side by side', async ({ page, podhop }) => {
  await podhop.start()
  const keyboard = await openLab(page, podhop, 'containers-in-one-pod')
  await keyboard.run('echo first > one.txt')
  await page.getByRole('button', { name: /open a terminal/i }).click()
  await expect.poll(async () => Object.keys((await view(page)).terminals).length).toBe(2)
  expect(await new Keyboard(page).run('cat one.txt')).toContain('first')
})

test('a window of another size shows what was typed before as it was, and once', async ({ page, podhop }) => {
  await podhop.start()
  await page.setViewportSize({ width: 1280, height: 800 })
  const keyboard = await openLab(page, podhop, 'containers-in-one-pod')
  await keyboard.prompt()
  // by keys: the line editor draws each, and moves to the next line where this width ends
  const words = `echo ${Array.from({ length: 18 }, (_, i) => `word-${i + 1}`).join(' ')}`
  await page.keyboard.type(words)
  await page.keyboard.press('Enter')
  await expect.poll(() => keyboard.text()).toMatch(/\nword-1 [\s\S]*word-18\n/)
  await page.setViewportSize({ width: 1024, height: 700 })
  await page.reload()
  const later = new Keyboard(page)
  await later.prompt()
  await expect.poll(async () => (await later.text()).replaceAll('\n', '')).toBe(`student@podhop:~$ ${words}${words.slice(5)}student@podhop:~$`)
  expect(await later.run('echo $COLUMNS')).not.toContain('113')
})
