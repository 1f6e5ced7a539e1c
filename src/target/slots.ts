/** So many at a time; the others wait in line. */
export class Slots {
  #free: number
  readonly #line: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async take(): Promise<void> {
    if (this.#free > 0) {
      this.#free--
      return
    }
    await new Promise<void>((resolve) => {
      this.#line.push(resolve)
    })
  }

  giveBack(): void {
    const next = this.#line.shift()
    if (next) next()
    else this.#free++
  }
}
