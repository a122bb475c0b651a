"""The pages, one file each: widgets, quantities, figures and captions put together by `render`.

The name of a function says what it does on the screen: `show_` draws a part of a page, `offer_` a button or a file,
`choose_` a widget that is bound to the state, `say` a few words. A function that ends in `_payload` makes what a part
hands the browser, and `picked` takes what the browser sends.
"""
