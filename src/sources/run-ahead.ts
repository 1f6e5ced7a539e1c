/**
 * The same items, with the next one being made while one is used. What goes wrong ahead is told in its turn, after all that came before it.
 */
export async function* runAhead<T>(items: AsyncGenerator<T>): AsyncGenerator<T> {
  const ask = (): Promise<IteratorResult<T>> => {
    const asked = items.next()
    // It is awaited later, or never if the loop is left before: a failure until then is nobody's unhandled rejection.
    asked.catch(() => {})
    return asked
  }
  try {
    for (let next = ask(); ; ) {
      const { done, value } = await next
      if (done) return
      next = ask()
      yield value
    }
  } finally {
    // Not awaited: it would wait for what is under way.
    items.return(undefined).catch(() => {})
  }
}
