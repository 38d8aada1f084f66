/** A page under test, and what its tests ask of it again and again. */
export class Session {
  /** @param {import('playwright-core').Page} page */
  constructor(page, url) {
    this.page = page;
    this.url = url;
  }

  openTab(name) {
    return this.page.click(`#tab-${name}`);
  }

  async textOf(id) {
    return (await this.page.getByTestId(id).first().textContent()) ?? '';
  }

  async numberOf(id) {
    return Number.parseFloat(await this.textOf(id));
  }

  /** Waits until the worker has nothing to do. */
  async idle() {
    // A step that was just asked for shows itself in the next frame.
    await this.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
    await this.page.waitForSelector('[data-busy="no"]', { state: 'attached', timeout: 120_000 });
  }

  /** Waits for a result with its errors, and returns the label and these. */
  async result() {
    await this.page.waitForFunction(
      () => /\d/.test(document.querySelector('[data-testid="logit-error"]')?.textContent ?? ''),
      undefined,
      { timeout: 120_000 },
    );
    await this.idle();
    const label = await this.page.locator('.classes li span').first().textContent();
    return { label, attention: await this.numberOf('attention-error'), logits: await this.numberOf('logit-error') };
  }

  /** Sets a switch. */
  async choose(name, value) {
    await this.page.locator(`input[name="${name}"][value="${value}"]`).check({ force: true });
    await this.idle();
  }
}
